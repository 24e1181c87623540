// Event streams that are open only while their page is seen: a browser makes six connections to a server, and forgotten
// tabs would hold them all.

/** Milliseconds until a stream that the browser has given up on is opened again. */
const AGAIN = 250;

/** Calls `open`, which gives an EventSource, whenever the page comes into view or its stream is lost. Gives the way to end it. */
export function whileSeen(open) {
  let stream = null;
  let over = false;
  function look() {
    if (over || document.hidden) {
      stream?.close();
      stream = null;
    } else if (!stream || stream.readyState === EventSource.CLOSED) {
      const opened = open();
      stream = opened;
      opened.addEventListener("error", () => {
        if (opened === stream && opened.readyState === EventSource.CLOSED) setTimeout(look, AGAIN);
      });
    }
  }
  document.addEventListener("visibilitychange", look);
  look();
  return () => {
    over = true;
    look();
  };
}
