/**
 * What `open` gives, once the directory of its queue is free: that of a worker that was terminated is a moment after its
 * `exit`, when the tasks that it leaves have ended. The caller has a time limit.
 */
export async function onceUnlocked(open) {
  for (;;) {
    try {
      return await open();
    } catch (error) {
      if (error.code !== "ERR_MQTT_QUEUE_LOCKED") throw error;
      await new Promise(setImmediate);
    }
  }
}
