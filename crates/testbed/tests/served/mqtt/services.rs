//! Shadows and jobs, asked over the wire.

use serde_json::{Value, json};

use crate::{
    bed::{Bed, bounded},
    mqtt::talk::Talk,
};

/// The next message: its topic behind that of the thing, and its body.
async fn answer(talk: &mut Talk) -> (String, Value) {
    let (_, topic, _, payload) = talk.message().await;
    let topic = topic.strip_prefix("$aws/things/gw/").unwrap().to_owned();
    (topic, serde_json::from_str(&payload).unwrap())
}

async fn ask(talk: &mut Talk, id: u16, topic: &str, body: &str) {
    talk.publish(&format!("$aws/things/gw/{topic}"), id, body).await;
    assert_eq!(talk.packet().await.unwrap().1, id.to_be_bytes());
}

#[tokio::test]
async fn a_shadow_answers_on_its_topics() {
    let bed = Bed::start(&[]);
    bounded(async {
        let mut talk = Talk::with(&bed, 5, "gw").await;
        talk.subscribe("$aws/things/gw/shadow/name/light/+/+").await;
        ask(&mut talk, 1, "shadow/name/light/get", "").await;
        let (topic, body) = answer(&mut talk).await;
        assert_eq!((topic.as_str(), &body["code"]), ("shadow/name/light/get/rejected", &json!(404)));
        ask(&mut talk, 2, "shadow/name/light/update", r#"{"state": {"desired": {"on": true}}}"#).await;
        for suffix in ["accepted", "delta", "documents"] {
            let (topic, _) = answer(&mut talk).await;
            assert_eq!(topic, format!("shadow/name/light/update/{suffix}"));
        }
        ask(&mut talk, 3, "shadow/name/light/update", r#"{"state": {}, "version": 9}"#).await;
        assert_eq!(answer(&mut talk).await.1["code"], 409);
        let shadow = bed.control("GET", "/mqtt/shadows/gw/light", json!({})).await;
        assert_eq!(shadow, json!({"state": {"desired": {"on": true}}, "version": 1}));
        assert_eq!(bed.ask("GET", "/mqtt/shadows/gw", "").await.status, 404);
    })
    .await;
}

#[tokio::test]
async fn jobs_are_told_of_begun_and_ended() {
    let bed = Bed::start(&[]);
    bounded(async {
        let mut talk = Talk::with(&bed, 4, "gw").await;
        talk.subscribe("$aws/things/gw/jobs/#").await;
        bed.control("POST", "/mqtt/jobs", json!({"thing": "gw", "jobId": "j", "document": {"do": 1}})).await;
        assert_eq!(answer(&mut talk).await.0, "jobs/notify");
        let (topic, body) = answer(&mut talk).await;
        assert_eq!((topic.as_str(), &body["execution"]["jobId"]), ("jobs/notify-next", &json!("j")));
        // Who has subscribed to everything hears the requests as well; the PUBACK may come before or after.
        talk.publish("$aws/things/gw/jobs/start-next", 1, "{}").await;
        let mut topics = Vec::new();
        for _ in 0..3 {
            let (first, body) = talk.packet().await.unwrap();
            if first >> 4 == 3 {
                let length = usize::from(u16::from_be_bytes([body[0], body[1]]));
                topics.push(String::from_utf8(body[2..2 + length].to_vec()).unwrap());
            }
        }
        assert_eq!(topics, ["$aws/things/gw/jobs/start-next", "$aws/things/gw/jobs/start-next/accepted"]);
        talk.publish("$aws/things/gw/jobs/j/update", 2, r#"{"status": "SUCCEEDED"}"#).await;
        let jobs = async || bed.control("GET", "/mqtt/jobs/gw", json!({})).await[0]["status"].clone();
        for _ in 0..5 {
            talk.packet().await;
        }
        assert_eq!(jobs().await, "SUCCEEDED");
    })
    .await;
}
