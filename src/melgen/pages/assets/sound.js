// Notes as sound, made here: a soft plucked tone, no files.
const LOOK_AHEAD_S = 1.2; // timers of a page in the background come once a second
const START_DELAY_S = 0.06;
const STEPS_PER_QUARTER = 24;

// Something to play and to draw, from an object with `Notes` (melgen/pages/schema.py): times are in steps.
const trackOf = (title, { pitches, onsets, durations, bars }) => ({ title, pitches, onsets, durations, bars });

class Synth {
  constructor(context = new (window.AudioContext || window.webkitAudioContext)()) {
    this.context = context;
    this.out = this.context.createGain();
    this.setVolume(1);
    const limiter = this.context.createDynamicsCompressor();
    this.analyser = this.context.createAnalyser();
    this.out.connect(limiter).connect(this.analyser).connect(this.context.destination);
    const partials = [0, 1, 0.5, 0.24, 0.16, 0.07, 0.05, 0.02];
    this.wave = this.context.createPeriodicWave(new Float32Array(partials.length), new Float32Array(partials));
    this.sounding = new Set();
  }

  note(pitch, start, duration) {
    const oscillator = this.context.createOscillator();
    const gain = this.context.createGain();
    oscillator.setPeriodicWave(this.wave);
    oscillator.frequency.value = 440 * 2 ** ((pitch - 69) / 12);
    const end = start + Math.max(0.06, duration * 0.96);
    gain.gain.setValueAtTime(0, start);
    gain.gain.linearRampToValueAtTime(0.55, start + 0.012);
    gain.gain.setTargetAtTime(0.16, start + 0.02, 0.28);
    gain.gain.setTargetAtTime(0, end - 0.03, 0.03);
    oscillator.connect(gain).connect(this.out);
    oscillator.start(start);
    oscillator.stop(end + 0.15);
    this.sounding.add(oscillator);
    oscillator.onended = () => { this.sounding.delete(oscillator); gain.disconnect(); };
  }

  setVolume(volume) { this.out.gain.value = 0.5 * volume; }

  silence() {
    for (const oscillator of this.sounding) { try { oscillator.stop(); } catch {} }
    this.sounding.clear();
  }
}

// One thing plays at a time. `track` is what `trackOf` returns; listeners hear of "track", "note", "state" and "time".
class Player extends EventTarget {
  constructor() {
    super();
    Object.assign(this, { track: null, playing: false, note: -1, tempo: 120, position: 0, synth: null, silent: false, volume: 1, transposition: 0, isLooping: false,
      attempt: 0, // counts what starts and stops: a play() that still waits for the sound is void once it has changed
      until: null, mayLoop: false, from: 0, settle: null, timer: null, frameRequest: null });
  }

  get stepSeconds() { return 60 / this.tempo / STEPS_PER_QUARTER; }
  get length() { return this.track ? Math.max(0, ...this.track.onsets.map((onset, i) => onset + this.track.durations[i])) : 0; }
  now() { return this.synth ? this.synth.context.currentTime : performance.now() / 1000; }
  emit(kind) { this.dispatchEvent(new Event(kind)); }

  async wakeSynth() {
    this.synth ||= new Synth();
    this.synth.setVolume(this.volume);
    await this.synth.context.resume();
  }

  load(track, position = 0) {
    this.pause();
    const changed = this.track !== track;
    Object.assign(this, { track, position, note: -1, until: null });
    if (changed) this.emit("track");
    this.emit("time");
  }

  // From a step on, to the end or to another step; resolves to whether it came to its end. Only without `until` it may loop.
  async play(until = null) {
    if (!this.track || this.playing || this.length === 0) return false;
    const mine = ++this.attempt;
    try {
      await this.wakeSynth();
      this.silent = false;
    } catch {
      if (!this.silent) announce("This browser makes no sound");
      this.silent = true;
    }
    if (mine !== this.attempt) return false;
    if (this.position >= this.length) this.position = 0;
    Object.assign(this, { until: until ?? this.length, mayLoop: until === null, playing: true });
    const ended = new Promise((resolve) => { this.settle = resolve; });
    this.emit("state");
    this.begin();
    return ended;
  }

  // Sounds from the position on; `halt` is its contrary. Neither changes the end, nor whoever waits for it.
  begin() {
    const { onsets, durations } = this.track;
    this.from = this.position;
    this.started = this.now() + START_DELAY_S - this.position * this.stepSeconds;
    this.next = onsets.findIndex((onset, i) => onset + durations[i] > this.position);
    this.timer = setInterval(() => this.schedule(), 100);
    this.schedule();
    this.frame();
  }

  halt() {
    clearInterval(this.timer);
    cancelAnimationFrame(this.frameRequest);
    if (this.synth) this.synth.silence();
  }

  // A change of what sounds: it goes on, to the same end.
  restart(change) {
    if (this.playing) {
      this.follow();
      this.halt();
    }
    change();
    if (this.playing) this.begin();
  }

  follow() {
    const delay = this.synth ? this.synth.context.outputLatency || 0 : 0;
    this.position = Math.max(this.from, (this.now() - delay - this.started) / this.stepSeconds);
  }

  // Here too the end is found: a page in the background draws no frames.
  schedule() {
    if (this.hasEnded()) return;
    const { pitches, onsets, durations } = this.track;
    const now = this.now(), earliest = Math.max(now, this.started + this.from * this.stepSeconds);
    while (this.next >= 0 && this.next < pitches.length && onsets[this.next] < this.until) {
      const start = this.started + onsets[this.next] * this.stepSeconds;
      if (start > now + LOOK_AHEAD_S) break;
      const sounds = Math.max(start, earliest), left = start + durations[this.next] * this.stepSeconds - sounds;
      if (this.synth && left > 0) this.synth.note(pitches[this.next] + this.transposition, sounds, left);
      this.next += 1;
    }
  }

  hasEnded() {
    if (!this.playing) return true;
    this.follow();
    if (this.position < this.until) return false;
    if (this.isLooping && this.mayLoop) this.restart(() => { this.position = 0; });
    else this.stop(true);
    return true;
  }

  frame() {
    if (this.hasEnded()) return;
    const { onsets, durations } = this.track;
    let note = -1;
    for (let i = 0; i < onsets.length && onsets[i] <= this.position; i++) if (this.position < onsets[i] + durations[i]) note = i;
    if (note !== this.note) { this.note = note; this.emit("note"); }
    this.emit("time");
    cancelAnimationFrame(this.frameRequest);
    this.frameRequest = requestAnimationFrame(() => this.frame());
  }

  stop(ended) {
    this.halt();
    this.playing = false;
    if (ended) { this.position = this.until >= this.length ? 0 : this.until; this.note = -1; }
    const settle = this.settle;
    this.settle = null;
    this.emit("state");
    this.emit("note");
    this.emit("time");
    settle(ended);
  }

  pause() {
    this.attempt += 1;
    if (this.playing) this.stop(false);
  }
  toggle() { if (this.playing) this.pause(); else this.play(); }

  seek(position) {
    this.restart(() => { this.position = Math.min(Math.max(0, position), this.length); });
    this.emit("time");
  }

  setTempo(tempo) { this.restart(() => { this.tempo = tempo; }); }
  setTransposition(semitones) { this.restart(() => { this.transposition = semitones; }); }

  setVolume(volume) {
    this.volume = volume;
    if (this.synth) this.synth.setVolume(volume);
  }

  // Plays a few notes, one after the other, that do not become the track.
  async ring(pitches, apart = 0.45) {
    this.pause();
    try {
      await this.wakeSynth();
    } catch { return; }
    if (this.playing) return; // something was started meanwhile
    this.synth.silence();
    pitches.forEach((pitch, i) => this.synth.note(pitch, this.now() + START_DELAY_S + i * apart, apart * 1.4));
  }
}

const player = new Player();
