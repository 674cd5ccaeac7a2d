// The recorder of the Analyze page: asks for camera and microphone when the person presses start, counts down, records, shows what was
// recorded, and hands it over only when the person says so. Everything stays in this window until then.

const WAYS = {
  video: { video: true, audio: true, start: "Start camera", go: "Record", types: ["video/webm;codecs=vp8,opus", "video/webm", "video/mp4"] },
  sound: { video: false, audio: true, start: "Start microphone", go: "Record", types: ["audio/webm;codecs=opus", "audio/webm", "audio/mp4"] },
  photo: { video: true, audio: false, start: "Start camera", go: "Take the picture", types: [] },
};
const NAMES = { video: "camera", audio: "microphone" };
const REASONS = {
  NotAllowedError: (device) => `The ${device} was not allowed: allow it in the browser's address bar and press start again.`,
  NotFoundError: (device) => `No ${device} was found: connect one and press start again.`,
  NotReadableError: (device) => `The ${device} is taken by another program: close that and press start again.`,
  insecure: (device) => `This browser gives no page without HTTPS the ${device}: open the app by https:// or on the machine it runs on.`,
};
const COUNTDOWN = 3; // seconds
const shown = new WeakMap(); // the state of each mounted recorder

function reason(kind, error) {
  return (REASONS[error] ?? ((device) => `The ${device} could not be started (${error}).`))(NAMES[kind]);
}

function constraintsOf(kind) {
  return kind === "video" ? { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 25, max: 30 }, facingMode: "user" } : true;
}

/** The devices that can be had of those wanted, and why the others cannot. */
async function open(wanted) {
  if (!window.isSecureContext || !navigator.mediaDevices?.getUserMedia) {
    return { stream: null, problems: Object.fromEntries(wanted.map((kind) => [kind, "insecure"])) };
  }
  try {
    const stream = await navigator.mediaDevices.getUserMedia(Object.fromEntries(wanted.map((kind) => [kind, constraintsOf(kind)])));
    return { stream, problems: {} };
  } catch (error) {
    const problems = {};
    const tracks = [];
    if (wanted.length === 1 || /dismissed/i.test(error.message)) {
      wanted.forEach((kind) => (problems[kind] = error.name));
    } else {
      for (const kind of wanted) {
        try {
          tracks.push(...(await navigator.mediaDevices.getUserMedia({ [kind]: constraintsOf(kind) })).getTracks());
        } catch (alone) {
          problems[kind] = alone.name;
        }
      }
    }
    return { stream: tracks.length ? new MediaStream(tracks) : null, problems };
  }
}

class Recorder {
  constructor(root, way) {
    this.root = root;
    this.way = way;
    this.phase = "idle";
    this.problems = [];
    this.stream = null;
    this.blob = null;
    this.timers = [];
    for (const name of ["stage", "view", "count", "badge", "level", "problem", "first", "second"]) this[name] = root.querySelector(`.${name}`);
    this.first.onclick = () => this.press(this.first.dataset.does);
    this.second.onclick = () => this.press(this.second.dataset.does);
    this.show();
  }

  press(what) {
    ({ start: () => this.start(), go: () => this.go(), stop: () => this.stop(), cancel: () => this.reset(), use: () => this.use(), retake: () => this.start() })[what]();
  }

  get wanted() {
    return ["video", "audio"].filter((kind) => this.way[kind]);
  }

  has(kind) {
    return this.stream?.getTracks().some((track) => track.kind === kind && track.readyState === "live") ?? false;
  }

  enter(phase) {
    this.phase = phase;
    this.show();
  }

  show() {
    const buttons = {
      idle: [["start", this.way.start], null],
      asking: [["start", "Waiting for your permission…"], null],
      ready: [["go", this.way.go], ["cancel", "Cancel"]],
      counting: [["cancel", "Cancel"], null],
      recording: [["stop", "Stop"], null],
      review: [["use", this.way === WAYS.photo ? "Use this picture" : "Use this recording"], ["retake", "Retake"]],
      sending: [["use", "Handing it over…"], null],
    }[this.phase];
    [this.first, this.second].forEach((button, i) => {
      button.hidden = !buttons[i];
      if (buttons[i]) [button.dataset.does, button.textContent] = buttons[i];
      button.disabled = this.phase === "asking" || this.phase === "sending";
    });
    this.stage.hidden = !["ready", "counting", "recording", "review", "sending"].includes(this.phase);
    this.count.hidden = this.phase !== "counting";
    this.badge.hidden = this.phase !== "recording";
    this.level.hidden = !["ready", "counting", "recording"].includes(this.phase) || !this.has("audio");
    this.view.hidden = !(this.has("video") || this.blob);
    this.problem.textContent = this.problems.join(" ");
    this.root.host?.setAttribute("data-phase", this.phase);
  }

  async start() {
    this.release();
    this.problems = [];
    this.blob = null;
    this.enter("asking");
    const { stream, problems } = await open(this.wanted);
    if (this.gone) return stream?.getTracks().forEach((track) => track.stop());
    this.problems = Object.entries(problems).map(([kind, error]) => reason(kind, error));
    if (!stream) return this.enter("idle");
    if (this.problems.length) this.problems.push(stream.getVideoTracks().length ? "The picture goes on without sound." : "The sound goes on alone.");
    this.stream = stream;
    stream.getTracks().forEach((track) => (track.onended = () => this.lost(track.kind)));
    this.preview();
    this.meter();
    this.enter("ready");
  }

  preview() {
    this.view.src = "";
    this.view.srcObject = this.stream;
    this.view.controls = false;
    this.view.muted = true;
    this.view.classList.add("mirror");
    this.view.play().catch(() => {}); // interrupted by the next step
  }

  meter() {
    if (!this.has("audio")) return;
    this.sound = new AudioContext();
    const analyser = this.sound.createAnalyser();
    analyser.fftSize = 1024;
    this.sound.createMediaStreamSource(this.stream).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    this.timers.push(
      setInterval(() => {
        analyser.getFloatTimeDomainData(samples);
        const power = samples.reduce((sum, v) => sum + v * v, 0) / samples.length;
        this.level.value = Math.max(0, Math.min(1, 1 + (10 * Math.log10(power + 1e-9)) / 60)); // 60 dB from end to end
      }, 100),
    );
  }

  go() {
    if (this.way === WAYS.photo) return this.snap();
    let left = COUNTDOWN;
    this.count.textContent = left;
    this.enter("counting");
    const timer = setInterval(() => {
      left -= 1;
      this.count.textContent = left;
      if (left > 0) return;
      clearInterval(timer);
      this.record();
    }, 1000);
    this.timers.push(timer);
  }

  record() {
    const type = this.way.types.find((t) => MediaRecorder.isTypeSupported(t));
    const rates = { videoBitsPerSecond: this.data.video_bits, audioBitsPerSecond: this.data.audio_bits };
    const sound = !this.has("video") && this.way.video ? WAYS.sound.types.find((t) => MediaRecorder.isTypeSupported(t)) : type;
    const recorder = (this.recorder = new MediaRecorder(this.stream, { mimeType: sound, ...rates }));
    const parts = [];
    recorder.ondataavailable = (event) => event.data.size && parts.push(event.data);
    recorder.onstop = () => this.gone || this.review(new Blob(parts, { type: recorder.mimeType }));
    recorder.start(1000);
    const began = performance.now();
    const tick = () => {
      const passed = (performance.now() - began) / 1000;
      this.badge.textContent = `● ${Math.floor(passed)} / ${this.data.seconds} s`;
      if (passed >= this.data.seconds) this.stop();
    };
    tick();
    this.timers.push(setInterval(tick, 200));
    this.enter("recording");
  }

  stop() {
    if (this.recorder?.state === "recording") this.recorder.stop();
  }

  snap() {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [this.view.videoWidth, this.view.videoHeight];
    if (!canvas.width) {
      // The camera has not given a picture yet: take its first one, so that no press is lost.
      this.view.addEventListener("loadeddata", () => this.phase === "ready" && this.snap(), { once: true });
      return;
    }
    canvas.getContext("2d").drawImage(this.view, 0, 0);
    canvas.toBlob((blob) => this.review(blob), "image/jpeg", 0.92);
  }

  review(blob) {
    this.release();
    if (!blob.size) {
      this.problems.push("Nothing was recorded: press start and try again.");
      return this.enter("idle");
    }
    this.blob = blob;
    this.view.srcObject = null;
    this.view.classList.remove("mirror");
    this.view.hidden = blob.type.startsWith("image/");
    this.url = URL.createObjectURL(blob);
    this.still?.remove();
    if (blob.type.startsWith("image/")) {
      this.still = Object.assign(document.createElement("img"), { src: this.url, alt: "The picture that was taken" });
      this.stage.append(this.still);
    } else {
      this.view.muted = false;
      this.view.controls = true;
      this.view.src = this.url;
    }
    this.enter("review");
    this.view.hidden = blob.type.startsWith("image/");
  }

  use() {
    this.enter("sending");
    const blob = this.blob;
    const reader = new FileReader();
    reader.onload = () => {
      const content = reader.result.slice(reader.result.indexOf(";base64,") + 8); // the type may hold commas
      if (content.length > this.data.most) {
        this.problems.push("This recording is too large to hand over: make a shorter one.");
        return this.enter("review");
      }
      this.emit({ type: blob.type, content });
      this.reset();
    };
    reader.readAsDataURL(blob);
  }

  lost(kind) {
    const rest = this.stream?.getTracks().some((track) => track.readyState === "live");
    this.problems = [`The ${NAMES[kind]} was taken away${rest ? "; the rest goes on" : ""}.`];
    if (rest) return this.show();
    if (this.phase === "recording") return this.stop();
    this.reset(true);
  }

  release() {
    this.timers.forEach(clearInterval);
    this.timers = [];
    this.stream?.getTracks().forEach((track) => ((track.onended = null), track.stop()));
    this.stream = null;
    this.sound?.close();
    this.sound = null;
    if (this.url) URL.revokeObjectURL(this.url);
    this.url = null;
    this.still?.remove();
    this.still = null;
  }

  reset(keepProblems) {
    if (this.recorder) this.recorder.onstop = null;
    this.stop();
    this.release();
    this.view.removeAttribute("src");
    this.view.srcObject = null;
    this.blob = null;
    if (!keepProblems) this.problems = [];
    this.enter("idle");
  }
}

export default function ({ data, parentElement, setTriggerValue }) {
  let recorder = shown.get(parentElement);
  if (!recorder) {
    recorder = new Recorder(parentElement, WAYS[data.way]);
    shown.set(parentElement, recorder);
  }
  recorder.data = data;
  recorder.emit = (value) => setTriggerValue("recorded", value);
  return () => {
    recorder.gone = true;
    recorder.release();
    shown.delete(parentElement);
  };
}
