// Ties a scrubber or a list of moments to the one player of the page. Both components run this file; each uses the part that its data asks for.

const timers = new WeakMap(); // by component, since this runs again whenever its data changes

// Times are seconds of what was given. The player may hold a part of it only, [from, to]; then a moment outside is asked of the server.
const player = () => document.querySelector(".st-key-player video, .st-key-player audio");

function seek(seconds, { from = 0, to = Infinity }, ask) {
  const media = player();
  if (seconds < from || seconds >= to) ask?.("at", seconds);
  else if (media) media.currentTime = seconds - from;
}

// As mmer_core.clock.
function clock(seconds) {
  const tenths = Math.round(10 * seconds);
  const [hours, minutes, rest] = [Math.floor(tenths / 36000), Math.floor(tenths / 600) % 60, Math.floor(tenths / 10) % 60];
  const two = (number) => String(number).padStart(2, "0");
  return `${hours ? `${hours}:${two(minutes)}` : minutes}:${two(rest)}.${tenths % 10}`;
}

// The emotion as a track that the player's own captions button switches off and on.
function subtitle(media, subtitles, from) {
  if (media.tagName !== "VIDEO" || media.mmerSubtitles === subtitles) return;
  media.mmerTrack ??= media.addTextTrack("subtitles", "Emotion", "en");
  const track = media.mmerTrack;
  if (media.mmerSubtitles === undefined) track.mode = "showing";
  const mode = track.mode;
  track.mode = "hidden"; // cues of a disabled track cannot be changed
  while (track.cues.length) track.removeCue(track.cues[0]);
  for (const { start, end, text } of subtitles) track.addCue(new VTTCue(start - from, end - from, text));
  track.mode = mode;
  media.mmerSubtitles = subtitles;
}

// Plotly gives a figure a new `on` when it draws it afresh, so the mark on it tells whether this one is listening.
function listen(plot, data, ask) {
  if (!plot?.on) return;
  const listens = Boolean(plot.on.mmer);
  plot.on.mmer = { data, ask }; // what the player holds may have changed
  if (listens) return;
  plot.on("plotly_click", ({ event }) => {
    const { data, ask } = plot.on.mmer;
    const box = plot.querySelector(".nsewdrag").getBoundingClientRect();
    seek(data.start + Math.max(0, Math.min(1, (event.clientX - box.left) / box.width)) * data.duration, data, ask);
  });
}

function placeLine(line, host, plot, fraction) {
  const area = plot?.querySelector(".nsewdrag")?.getBoundingClientRect();
  line.hidden = !area;
  if (!area) return;
  const frame = (line.offsetParent ?? host).getBoundingClientRect();
  Object.assign(line.style, {
    left: `${area.left - frame.left + fraction * area.width - 1}px`,
    top: `${area.top - frame.top}px`,
    height: `${area.height}px`,
  });
}

function scrubber(root, data, ask) {
  const host = root.host ?? root;
  host.style.position = "relative";
  const [slider, output, line] = ["input", "output", ".line"].map((name) => root.querySelector(name));
  const [left, right] = data.margins;
  slider.min = data.start;
  slider.max = data.start + data.duration;
  // The middle of the thumb, not its edge, runs from end to end of the time axis.
  slider.style.marginLeft = `${left - 8}px`;
  slider.style.width = `calc(100% - ${left + right - 16}px)`;
  output.style.marginLeft = `${left}px`;
  slider.oninput = () => seek(Number(slider.value), data);
  slider.onchange = () => seek(Number(slider.value), data, ask);
  clearInterval(timers.get(host));
  let shown = "";
  const follow = () => {
    const media = player();
    const plot = document.querySelector(`.st-key-${data.figure} .js-plotly-plot`);
    listen(plot, data, ask);
    const now = (media?.currentTime ?? 0) + data.from;
    if (media && data.track) subtitle(media, data.subtitles, data.from);
    if (!slider.matches(":active")) slider.value = now;
    placeLine(line, host, plot, Math.max(0, Math.min(1, (now - data.start) / data.duration)));
    const said = data.subtitles.find(({ start, end }) => start <= now && now < end);
    const text = `${clock(now)}${said ? `  ${said.text}` : ""}`;
    if (text === shown) return;
    shown = output.textContent = text;
    slider.setAttribute("aria-valuetext", text);
  };
  follow();
  timers.set(host, setInterval(follow, 100));
  return () => clearInterval(timers.get(host));
}

function moments(root, data, ask) {
  const list = root.querySelector("ol");
  list.replaceChildren(
    ...data.moments.map(({ start, end, text }) => {
      const [item, button, time, words] = ["li", "button", "time", "span"].map((name) => document.createElement(name));
      button.type = "button";
      time.textContent = `${clock(start)} – ${clock(end)}`;
      words.textContent = text;
      button.append(time, words);
      button.onclick = () => seek(start, data, ask);
      item.append(button);
      return item;
    }),
  );
}

export default function ({ data, parentElement, setTriggerValue }) {
  return data.moments ? moments(parentElement, data, setTriggerValue) : scrubber(parentElement, data, setTriggerValue);
}
