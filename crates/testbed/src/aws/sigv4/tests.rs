//! Requests that AWS published with their signatures, and what becomes of them when something is changed.

use super::*;

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const S3_SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn ordinary(service: &'static str) -> Scheme {
    Scheme { service, encodes_path_again: true, declares_payload: false }
}

fn s3() -> Scheme {
    Scheme { service: "s3", encodes_path_again: false, declares_payload: true }
}

fn request(path: &str, query: &str, headers: &[(&str, &str)], authorization: &str) -> Request {
    let mut headers: Vec<(String, String)> =
        headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    headers.push(("Authorization".to_owned(), authorization.to_owned()));
    Request {
        method: "GET".to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        headers,
        ..Request::default()
    }
}

/// `get-vanilla` of the test suite that AWS published.
fn vanilla() -> Request {
    request(
        "/",
        "",
        &[("Host", "example.amazonaws.com"), ("X-Amz-Date", "20150830T123600Z")],
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
         SignedHeaders=host;x-amz-date, \
         Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
    )
}

fn at(timestamp: &str) -> OffsetDateTime {
    clock::parse_amz(timestamp).unwrap()
}

#[test]
fn accepts_the_published_vanilla_request() {
    let request = vanilla();
    let authorization = Authorization::of(&request).unwrap();
    assert_eq!(authorization.access_key_id, "AKIDEXAMPLE");
    let hash =
        digest::digest(&digest::SHA256, authorization.canonical_request(&request, "/", EMPTY).as_bytes());
    assert_eq!(
        random::hex(hash.as_ref()),
        "bb579772317eb040ac9ed261061d46c1f17a8133879d6129b6e1c25292927e63"
    );
    assert_eq!(authorization.verify(&request, SECRET, &ordinary("service"), at("20150830T124500Z")), Ok(()));
}

/// The worked example in the documentation of Signature Version 4.
#[test]
fn accepts_the_documented_request_to_iam() {
    let request = request(
        "/",
        "Action=ListUsers&Version=2010-05-08",
        &[
            ("Content-Type", "application/x-www-form-urlencoded; charset=utf-8"),
            ("host", "iam.amazonaws.com"),
            ("x-amz-date", "20150830T123600Z"),
        ],
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, \
         SignedHeaders=content-type;host;x-amz-date, \
         Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
    );
    let authorization = Authorization::of(&request).unwrap();
    assert_eq!(authorization.verify(&request, SECRET, &ordinary("iam"), at("20150830T123600Z")), Ok(()));
}

#[test]
fn refuses_what_does_not_match() {
    type Change = fn(&mut Request);
    let changes: [(Change, Problem); 7] = [
        (|request| request.method = "PUT".to_owned(), Problem::Wrong),
        (|request| request.path = "/x".to_owned(), Problem::Wrong),
        (|request| request.query = "a=b".to_owned(), Problem::Wrong),
        (|request| request.body = b"x".to_vec(), Problem::Wrong),
        (|request| request.headers[0].1 = "evil.example".to_owned(), Problem::Wrong),
        (|request| request.headers[1].1 = "20150831T123600Z".to_owned(), Problem::Wrong),
        (|request| request.headers[1].1 = "today".to_owned(), Problem::Incomplete),
    ];
    for (number, (change, problem)) in changes.into_iter().enumerate() {
        let mut request = vanilla();
        change(&mut request);
        let authorization = Authorization::of(&request).unwrap();
        let error =
            authorization.verify(&request, SECRET, &ordinary("service"), at("20150830T123600Z")).unwrap_err();
        assert_eq!(error.problem, problem, "change {number}: {}", error.message);
    }
    let mut unsorted = vanilla();
    unsorted.headers[2].1 = unsorted.headers[2].1.replace("host;x-amz-date", "x-amz-date;host");
    let authorization = Authorization::of(&unsorted).unwrap();
    let error =
        authorization.verify(&unsorted, SECRET, &ordinary("service"), at("20150830T123600Z")).unwrap_err();
    assert!(error.message.contains("alphabetical"), "{}", error.message);

    let request = vanilla();
    let authorization = Authorization::of(&request).unwrap();
    let verify = |secret, service, now| {
        authorization.verify(&request, secret, &ordinary(service), at(now)).unwrap_err()
    };
    assert!(verify("other", "service", "20150830T123600Z").message.contains("we calculated"));
    assert!(verify(SECRET, "sts", "20150830T123600Z").message.contains("correct service: 'sts'"));
    assert!(verify(SECRET, "service", "20150830T125101Z").message.starts_with("Signature expired: 2015"));
    assert!(verify(SECRET, "service", "20150830T122059Z").message.starts_with("Signature not yet current"));
}

#[test]
fn refuses_headers_it_cannot_read() {
    for (header, problem) in [
        ("Basic abc", Problem::Incomplete),
        ("AWS4-HMAC-SHA256 Credential=a/b", Problem::Incomplete),
        ("AWS4-HMAC-SHA256 Credential=a/b/c/d/aws4_request, Signature=00", Problem::Incomplete),
    ] {
        assert_eq!(
            Authorization::of(&request("/", "", &[], header)).unwrap_err().problem,
            problem,
            "{header}"
        );
    }
    assert_eq!(Authorization::of(&Request::default()).unwrap_err().problem, Problem::Missing);
}

/// Both worked examples in the documentation of S3; the second has a path that is not encoded twice.
#[test]
fn accepts_the_documented_requests_to_s3() {
    let get = request(
        "/test.txt",
        "",
        &[
            ("Host", "examplebucket.s3.amazonaws.com"),
            ("Range", "bytes=0-9"),
            ("x-amz-content-sha256", EMPTY),
            ("x-amz-date", "20130524T000000Z"),
        ],
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, \
         SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, \
         Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
    );
    let put = Request {
        method: "PUT".to_owned(),
        body: b"Welcome to Amazon S3.".to_vec(),
        ..request(
            "/test%24file.text",
            "",
            &[
                ("Host", "examplebucket.s3.amazonaws.com"),
                ("Date", "Fri, 24 May 2013 00:00:00 GMT"),
                ("x-amz-content-sha256", "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"),
                ("x-amz-date", "20130524T000000Z"),
                ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
            ],
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, \
             SignedHeaders=date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class, \
             Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
        )
    };
    let verify = |request: &Request, scheme: &Scheme| {
        let authorization = Authorization::of(request).unwrap();
        authorization.verify(request, S3_SECRET, scheme, at("20130524T000000Z"))
    };
    for request in [&get, &put] {
        assert_eq!(verify(request, &s3()), Ok(()));
    }
    let twice = verify(&put, &Scheme { encodes_path_again: true, ..s3() });
    assert_eq!(twice.unwrap_err().problem, Problem::Wrong);
    let other = Request { body: b"Farewell".to_vec(), ..put };
    assert_eq!(verify(&other, &s3()).unwrap_err().problem, Problem::Payload);
}

#[test]
fn a_payload_is_declared_where_the_service_wants_it() {
    let with = |declared: &str| {
        let header = ("x-amz-content-sha256".to_owned(), declared.to_owned());
        Request { headers: vec![header], body: b"x".to_vec(), ..Request::default() }
    };
    let problem = |request: &Request, scheme: &Scheme| payload(request, scheme).unwrap_err().problem;
    assert_eq!(payload(&with(UNSIGNED), &s3()).as_deref(), Ok(UNSIGNED));
    assert_eq!(problem(&with(UNSIGNED), &ordinary("sts")), Problem::Payload);
    assert_eq!(problem(&with("STREAMING-UNSIGNED-PAYLOAD-TRAILER"), &s3()), Problem::Payload);
    assert_eq!(problem(&Request::default(), &s3()), Problem::Incomplete);
    assert_eq!(payload(&Request::default(), &ordinary("sts")).as_deref(), Ok(EMPTY));
}

#[test]
fn encodes_twice_where_signing_asks_for_it() {
    assert_eq!(uri_encode("/a%20b/~", true), "/a%2520b/~");
    assert_eq!(uri_encode("a/b é", false), "a%2Fb%20%C3%A9");
}
