// The start button of the Live page: asks for camera and microphone, tells the page which of them can be had and why others cannot, and holds on
// to them while the page streams, so that it notices when one is taken away.

const held = new WeakMap(); // the streams of each mounted button

async function probe(kind) {
  return navigator.mediaDevices.getUserMedia({ [kind]: true });
}

async function open() {
  if (!window.isSecureContext || !navigator.mediaDevices?.getUserMedia) return { tracks: [], problems: { video: "insecure", audio: "insecure" } };
  try {
    return { tracks: (await navigator.mediaDevices.getUserMedia({ video: true, audio: true })).getTracks(), problems: {} };
  } catch (error) {
    if (/dismissed/i.test(error.message)) return { tracks: [], problems: { video: error.name, audio: error.name } };
  }
  const tracks = [];
  const problems = {};
  for (const kind of ["video", "audio"]) {
    try {
      tracks.push(...(await probe(kind)).getTracks());
    } catch (error) {
      problems[kind] = error.name;
    }
  }
  return { tracks, problems };
}

export default function ({ data, parentElement, setTriggerValue }) {
  const button = parentElement.querySelector("button");
  const here = held.get(parentElement) ?? { tracks: [], busy: false, running: false };
  held.set(parentElement, here);
  const release = () => {
    here.tracks.forEach((track) => ((track.onended = null), track.stop()));
    here.tracks = [];
  };
  if (here.running && !data.running) release(); // the page stopped by itself
  here.running = data.running;
  const label = () => {
    button.textContent = here.busy ? "Waiting for your permission…" : data.running ? "Stop" : "Start";
    button.className = data.running ? "" : "go";
    button.disabled = here.busy || data.disabled;
  };
  button.onclick = async () => {
    if (data.running) {
      release();
      setTriggerValue("event", { what: "stop" });
      return;
    }
    here.busy = true;
    label();
    const { tracks, problems } = await open();
    here.busy = false;
    if (here.gone) {
      tracks.forEach((track) => track.stop());
      return;
    }
    here.tracks = tracks;
    tracks.forEach((track) => (track.onended = () => setTriggerValue("event", { what: "lost", kind: track.kind })));
    setTriggerValue("event", { what: "start", found: tracks.map((track) => track.kind), problems });
    label();
  };
  label();
  return () => {
    here.gone = true;
    release();
    held.delete(parentElement);
  };
}
