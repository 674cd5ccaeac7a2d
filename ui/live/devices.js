// Start button and choice of devices of the Live page: asks for camera and microphone, tells the page which of them can be had and why others
// cannot, and holds on to them while the page streams, so that it notices when one is taken away.

const KINDS = { video: "videoinput", audio: "audioinput" };
const CHOSEN = "mmer-live-devices"; // in the tab's own storage: {video: id, audio: id}
const REMEMBERED = "streamlit-webrtc:device-ids"; // what streamlit-webrtc opens rather than what its page asks for
const held = new WeakMap(); // the state of each mounted button

function choice() {
  try {
    return JSON.parse(sessionStorage.getItem(CHOSEN)) ?? {};
  } catch {
    return {};
  }
}

function choose(kind, id, streams) {
  try {
    const chosen = { ...choice(), [kind]: id };
    sessionStorage.setItem(CHOSEN, JSON.stringify(chosen));
    Object.keys(localStorage)
      .filter((name) => name.startsWith(REMEMBERED))
      .forEach((name) => localStorage.removeItem(name));
    const known = Object.fromEntries(Object.entries(chosen).filter(([, id]) => id));
    streams.forEach((name) => localStorage.setItem(`${REMEMBERED}:${name}`, JSON.stringify(known)));
  } catch {
    // A browser that keeps nothing for this page: the choice lasts as long as the list that shows it.
  }
}

// Devices of a kind that have a name, which browsers tell only with the permission.
async function listed(kind) {
  const all = (await navigator.mediaDevices?.enumerateDevices?.()) ?? [];
  return all.filter((device) => device.kind === KINDS[kind] && device.label && device.deviceId);
}

const idOf = (track) => track.getSettings().deviceId ?? "";
const deviceOf = (track) => ({ id: idOf(track), label: track.label });
const asked = (id) => (id ? { deviceId: { exact: id } } : true);
const gone = (error) => ["OverconstrainedError", "NotFoundError"].includes(error.name);

async function openOne(kind, id) {
  return (await navigator.mediaDevices.getUserMedia({ [kind]: asked(id) })).getTracks();
}

// The chosen devices, or the browser's own choice in the place of one that is not there.
async function open() {
  if (!window.isSecureContext || !navigator.mediaDevices?.getUserMedia) return { tracks: [], problems: { video: "insecure", audio: "insecure" } };
  const wanted = choice();
  try {
    const both = { video: asked(wanted.video), audio: asked(wanted.audio) };
    return { tracks: (await navigator.mediaDevices.getUserMedia(both)).getTracks(), problems: {} };
  } catch (error) {
    if (/dismissed/i.test(error.message)) return { tracks: [], problems: { video: error.name, audio: error.name } };
  }
  const tracks = [];
  const problems = {};
  const missing = [];
  for (const kind of Object.keys(KINDS)) {
    try {
      tracks.push(...(await openOne(kind, wanted[kind])));
    } catch (error) {
      try {
        if (!wanted[kind] || !gone(error)) throw error;
        tracks.push(...(await openOne(kind)));
        missing.push(kind);
      } catch (again) {
        problems[kind] = again.name;
      }
    }
  }
  return { tracks, problems, missing };
}

export default function ({ data, parentElement, setTriggerValue }) {
  const button = parentElement.querySelector("button");
  const here = held.get(parentElement) ?? { tracks: [], busy: false, running: false };
  held.set(parentElement, here);
  const tell = (what, more) => setTriggerValue("event", { what, ...more });
  const release = (which = () => true) => {
    here.tracks.filter(which).forEach((track) => ((track.onended = null), track.stop()));
    here.tracks = here.tracks.filter((track) => !which(track));
  };
  if (here.running && !data.running) release(); // the page stopped by itself
  here.running = data.running;

  const hold = (tracks) => {
    here.tracks.push(...tracks);
    tracks.forEach((track) => {
      choose(track.kind, idOf(track), data.streams);
      track.onended = () => fallBack(track);
    });
  };

  // Another device in the place of one that was taken away, if there is one.
  const fallBack = async (track) => {
    const lost = (await listed(track.kind)).find((device) => device.deviceId === idOf(track));
    const others = (await listed(track.kind)).filter(
      (device) => device.deviceId !== idOf(track) && !(lost?.groupId && device.groupId === lost.groupId),
    );
    here.tracks = here.tracks.filter((other) => other !== track);
    for (const device of others) {
      try {
        const tracks = await openOne(track.kind, device.deviceId);
        hold(tracks);
        tell("fallback", { kind: track.kind, lost: track.label, device: deviceOf(tracks[0]) });
        return;
      } catch {
        // This one cannot be had either; the next may.
      }
    }
    choose(track.kind, "", data.streams);
    tell("lost", { kind: track.kind });
  };

  const change = async (kind, id, label) => {
    if (!data.running) {
      choose(kind, id, data.streams);
      return;
    }
    try {
      const tracks = await openOne(kind, id);
      release((track) => track.kind === kind);
      hold(tracks);
      tell("change", { kind, device: deviceOf(tracks[0]) });
    } catch (error) {
      tell("refused", { kind, device: { id, label }, error: error.name });
    }
    showLists();
  };

  const showLists = async () => {
    for (const kind of Object.keys(KINDS)) {
      const select = parentElement.querySelector(`select[name=${kind}]`);
      const devices = await listed(kind);
      const used = here.tracks.find((track) => track.kind === kind);
      const id = used ? idOf(used) : choice()[kind];
      select.replaceChildren(...devices.map((device) => new Option(device.label, device.deviceId, false, device.deviceId === id)));
      select.disabled = here.busy || data.disabled;
      select.onchange = () => change(kind, select.value, select.selectedOptions[0].text);
      select.parentElement.hidden = !devices.length;
    }
  };

  const label = () => {
    button.textContent = here.busy ? "Waiting for your permission…" : data.running ? "Stop" : "Start";
    button.className = data.running ? "" : "go";
    button.disabled = here.busy || data.disabled;
    showLists();
  };
  button.onclick = async () => {
    if (data.running) {
      release();
      tell("stop");
      return;
    }
    here.busy = true;
    label();
    const { tracks, problems, missing } = await open();
    here.busy = false;
    if (here.gone) {
      tracks.forEach((track) => track.stop());
      return;
    }
    hold(tracks);
    const devices = Object.fromEntries(tracks.map((track) => [track.kind, deviceOf(track)]));
    tell("start", { found: Object.keys(devices), problems, missing: missing ?? [], devices });
    label();
  };
  label();
  navigator.mediaDevices?.addEventListener?.("devicechange", showLists);
  return () => {
    here.gone = true;
    navigator.mediaDevices?.removeEventListener?.("devicechange", showLists);
    release();
    held.delete(parentElement);
  };
}
