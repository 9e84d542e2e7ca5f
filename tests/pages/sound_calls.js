// A clock, timers, frames and an audio context that move only when a test says so. Times are in seconds.
let time = 0, frames = new Map(), timers = new Map(), count = 0, notes = [], resume = () => {};
const announce = () => {};
globalThis.requestAnimationFrame = (react) => { frames.set(++count, react); return count; };
globalThis.cancelAnimationFrame = (id) => frames.delete(id);
globalThis.setInterval = (react) => { timers.set(++count, react); return count; };
globalThis.clearInterval = (id) => timers.delete(id);
const context = { get currentTime() { return time; }, resume: () => resume() };

function setUp(pitches, onsets, durations) {
  Object.assign(player, new Player());
  frames.clear(); timers.clear(); notes = []; time = 0; resume = () => {};
  player.synth = { context, setVolume() {}, silence() { notes = notes.filter(([, start]) => start < time); }, note: (...note) => notes.push(note) };
  player.load(trackOf("", { pitches, onsets, durations }));
}
// A microtask waits for every one before it.
const settled = async () => { for (let i = 0; i < 8; i++) await null; };
async function pass(seconds, isShown = true) {
  for (const end = time + seconds; time < end;) {
    time = Math.min(end, time + 0.05);
    if (isShown) { const due = [...frames.values()]; frames.clear(); due.forEach((react) => react()); }
    [...timers.values()].forEach((react) => react());
    await settled();
  }
}
// Four quarters: at 120 to the minute each lasts half a second.
const fourQuarters = () => setUp([60, 62, 64, 65], [0, 24, 48, 72], [24, 24, 24, 24]);

const changes = {
  tempo: () => player.setTempo(180), transposition: () => player.setTransposition(2), seek: () => player.seek(30), nothing: () => {},
};
const calls = {
  async endsAt(change, until, isLooping) {
    fourQuarters();
    player.isLooping = isLooping;
    let ended = null, at = null;
    player.play(until).then((value) => { ended = value; at = player.position; });
    await pass(0.7);
    changes[change]();
    await settled();
    const early = ended;
    await pass(2);
    return { early, ended, at };
  },
  async resumed() {
    fourQuarters();
    player.position = 12;
    player.play();
    await settled();
    await pass(0.5);
    return notes.map(([pitch, start, duration]) => [pitch, +start.toFixed(3), +duration.toFixed(3)]);
  },
  async framesAfterSeeks(number) {
    fourQuarters();
    player.play();
    await settled();
    for (let i = 0; i < number; i++) player.seek(i);
    return [frames.size, timers.size];
  },
  async pausedWhilePending() {
    fourQuarters();
    let wake;
    resume = () => new Promise((resolve) => { wake = resolve; });
    const played = player.play();
    player.pause();
    wake();
    return [await played, player.playing];
  },
  async untilAfterLoad() {
    fourQuarters();
    let wakes = [];
    resume = () => new Promise((resolve) => { wakes.push(resolve); });
    player.play(50);
    player.load(trackOf("", { pitches: [60], onsets: [0], durations: [96] }));
    player.play();
    wakes.forEach((wake) => wake());
    await settled();
    return player.until;
  },
  async nothingToPlay() {
    setUp([], [], []);
    player.isLooping = true;
    return [await player.play(), player.playing];
  },
  async inTheBackground(isLooping) {
    fourQuarters();
    player.isLooping = isLooping;
    player.play();
    await settled();
    await pass(2.5, false);
    return [player.playing, player.position > 0 && player.position < 48, notes.length];
  },
};
