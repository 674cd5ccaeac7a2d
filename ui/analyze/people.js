// Boxes, labels and captions over the page's player, and the people to choose from. What people typed and what
// was recognised is put in as text, never as HTML.

const CONTROLS = 56; // pixels at the player's bottom that stay free for its own buttons
const ROOM = 26; // pixels above a box that its label takes
const EVERY = 100; // ms between two looks, and between two moves of a box where no motion is wanted
const running = new WeakMap(); // component -> what it left running
const switches = { faces: true, captions: false }; // as the person left them; the component may be made anew

const player = () => document.querySelector(".st-key-player video");
const still = matchMedia("(prefers-reduced-motion: reduce)");

// Index of the last row whose time, by `at`, is not after `now`; -1 for none.
function last(rows, now, at) {
  let [low, high] = [0, rows.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (at(rows[middle]) <= now) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

const textAt = (rows, now) => {
  const row = rows[last(rows, now, (r) => r[0])];
  return row && now < row[1] ? row[2] : "";
};

// Where a face is: x0, y0, x1, y1 as shares of the picture; undefined when out of view.
function boxAt(sights, now) {
  const sight = sights[last(sights, now, (s) => s.times[0])];
  if (!sight || now > sight.times.at(-1)) return undefined;
  const i = last(sight.times, now, (t) => t);
  const [a, b] = [sight.boxes[i], sight.boxes[i + 1]];
  if (!b) return a;
  const share = (now - sight.times[i]) / (sight.times[i + 1] - sight.times[i]);
  return a.map((side, k) => side + share * (b[k] - side));
}

// Where the picture is in the player, which may show bars beside it: left, top, width, height in pixels.
function pictureIn(media) {
  const { width, height } = media.getBoundingClientRect();
  if (!media.videoWidth) return [0, 0, width, height];
  const scale = Math.min(width / media.videoWidth, height / media.videoHeight);
  const [wide, high] = [scale * media.videoWidth, scale * media.videoHeight];
  return [(width - wide) / 2, (height - high) / 2, wide, high];
}

const px = (style, values) => Object.entries(values).forEach(([name, v]) => (style[name] = `${v}px`));

function made(tag, className, parent) {
  const element = document.createElement(tag);
  element.className = className;
  parent.append(element);
  return element;
}

function chips(root, data, choose) {
  const row = root.querySelector(".people");
  row.hidden = data.people.length < 2;
  row.replaceChildren(
    ...data.people.map((person) => {
      const chip = document.createElement("button");
      chip.type = "button";
      chip.dataset.person = person.number;
      const badge = made("span", "badge", chip);
      badge.textContent = person.number + 1;
      Object.assign(badge.style, { background: person.colour, color: person.ink });
      made("span", "name", chip).textContent = person.name;
      chip.setAttribute("aria-pressed", String(data.chosen === person.number));
      chip.onclick = () => choose(person.number);
      return chip;
    }),
  );
}

// How far down each label moves so that none covers another: { x, y, width, height } in pixels, in order.
function apart(labels) {
  const placed = [];
  return labels.map(({ x, y, width, height }) => {
    const covered = (at) =>
      placed.find((p) => x < p.x + p.width && p.x < x + width && at < p.y + p.height && p.y < at + height);
    let [at, up] = [y, true];
    for (let other, tries = 0; (other = covered(at)) && tries <= 2 * placed.length; tries++) {
      up &&= other.y >= height; // above the other one, below it where the picture ends
      at = up ? other.y - height : other.y + other.height;
    }
    placed.push({ x, y: at, width, height });
    return at - y;
  });
}

// One box for each person, made when they are first seen.
function overlay(layer, data, choose) {
  const boxes = new Map();
  const caption = made("div", "caption", layer);
  const boxOf = (person) => {
    if (!boxes.has(person.number)) {
      const box = made("div", "box", layer);
      box.dataset.person = person.number;
      box.style.setProperty("--person", person.colour);
      const label = made("span", "label", box);
      Object.assign(label.style, { background: person.colour, color: person.ink });
      const hit = made("div", "hit", box);
      hit.onclick = () => choose(person.number);
      boxes.set(person.number, { box, label, hit });
    }
    return boxes.get(person.number);
  };
  return (media, now) => {
    const [left, top, wide, high] = pictureIn(media);
    const free = media.getBoundingClientRect().height - CONTROLS;
    const labels = [];
    for (const person of data.people) {
      const at = switches.faces ? boxAt(person.sights, now) : undefined;
      if (!at && !boxes.has(person.number)) continue;
      const { box, label, hit } = boxOf(person);
      box.hidden = !at;
      if (!at) continue;
      const y = top + at[1] * high;
      px(box.style, { left: left + at[0] * wide, top: y, width: (at[2] - at[0]) * wide, height: (at[3] - at[1]) * high });
      px(hit.style, { height: Math.max(0, Math.min((at[3] - at[1]) * high, free - y)) });
      const said = textAt(person.says, now);
      const text = said ? `${person.name}: ${said}` : person.name;
      if (label.textContent !== text) label.textContent = text;
      box.classList.toggle("low", y < ROOM);
      box.classList.toggle("chosen", data.chosen === person.number);
      // A label that would reach beyond the picture is moved back into it.
      const over = left + at[0] * wide + label.offsetWidth - (left + wide);
      const back = Math.max(0, Math.min(over, at[0] * wide));
      px(label.style, { left: -back });
      const [x, height] = [left + at[0] * wide - back, Math.ceil(label.getBoundingClientRect().height)];
      labels.push({ label, x, y: y < ROOM ? y : y - height, width: label.offsetWidth + 1, height });
    }
    apart(labels).forEach((down, i) => (labels[i].label.style.translate = `0 ${down}px`));
    // The player's own subtitles, the emotion, would stand where the captions do.
    if (media.mmerTrack && switches.captions && media.mmerTrack.mode === "showing") media.mmerTrack.mode = "hidden";
    const words = switches.captions ? textAt(data.captions, now) : "";
    caption.hidden = !words;
    if (caption.textContent !== words) caption.textContent = words;
    px(caption.style, { bottom: CONTROLS, fontSize: Math.max(12, Math.min(18, wide / 32)) });
  };
}

// Whether the layer lies in front of everything, where it has to be while the player fills the screen.
function inFront(layer, media) {
  const wanted = document.fullscreenElement === media && "popover" in layer;
  if (wanted && !layer.hasAttribute("popover")) {
    layer.popover = "manual";
    layer.showPopover();
  } else if (!wanted && layer.hasAttribute("popover")) {
    layer.removeAttribute("popover");
  }
  return wanted;
}

function follow(host, layer, toggles, data, draw) {
  let [media, asked] = [null, 0];
  const look = (shown) => {
    const found = player();
    toggles.hidden = layer.hidden = !found;
    if (!found) return;
    if (found !== media) {
      stop();
      media = found;
      for (const event of EVENTS) media.addEventListener(event, once);
      ask();
    }
    const frame = inFront(layer, media) ? { left: 0, top: 0 } : host.getBoundingClientRect();
    const video = media.getBoundingClientRect();
    px(layer.style, { left: video.left - frame.left, top: video.top - frame.top, width: video.width, height: video.height });
    draw(media, (shown ?? media.currentTime) + data.from);
  };
  const once = () => look();
  const EVENTS = ["seeked", "loadeddata", "timeupdate"];
  // With each picture that is shown, where the browser tells; elsewhere, and for who wants no motion, by the timer.
  const ask = () => {
    if (!media?.requestVideoFrameCallback) return;
    asked = media.requestVideoFrameCallback((_, { mediaTime }) => {
      if (!still.matches) look(mediaTime);
      ask();
    });
  };
  const stop = () => {
    if (asked) media?.cancelVideoFrameCallback(asked);
    for (const event of EVENTS) media?.removeEventListener(event, once);
  };
  const timer = setInterval(() => !(media && !media.paused && media.requestVideoFrameCallback && !still.matches) && look(), EVERY);
  const sizes = new ResizeObserver(once);
  sizes.observe(host);
  document.addEventListener("fullscreenchange", once);
  look();
  return {
    look: once,
    end: () => {
      clearInterval(timer);
      sizes.disconnect();
      document.removeEventListener("fullscreenchange", once);
      stop();
    },
  };
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement;
  const host = root.host ?? root;
  host.style.position = "relative";
  running.get(host)?.end();
  const [layer, toggles] = [root.querySelector(".layer"), root.querySelector(".switches")];
  layer.replaceChildren();
  const choose = (number) => {
    data.chosen = data.chosen === number ? null : number;
    for (const chip of root.querySelectorAll(".people button"))
      chip.setAttribute("aria-pressed", String(Number(chip.dataset.person) === data.chosen));
    setTriggerValue("person", data.chosen ?? -1);
  };
  chips(root, data, choose);
  const following = follow(host, layer, toggles, data, overlay(layer, data, choose));
  running.set(host, following);
  for (const input of toggles.querySelectorAll("input")) {
    input.closest("label").hidden = !(input.name === "faces" ? data.people : data.captions).length;
    input.checked = switches[input.name];
    input.onchange = () => {
      switches[input.name] = input.checked;
      const track = player()?.mmerTrack;
      if (track && input.name === "captions" && !input.checked && track.mode === "hidden") track.mode = "showing";
      following.look();
    };
  }
  return following.end;
}
