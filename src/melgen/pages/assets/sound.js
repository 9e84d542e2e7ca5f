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
    Object.assign(this, { track: null, playing: false, note: -1, tempo: 120, position: 0, synth: null, silent: false, volume: 1, transposition: 0, isLooping: false });
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
    if (this.playing) this.pause();
    const changed = this.track !== track;
    Object.assign(this, { track, position, note: -1, until: null });
    if (changed) this.emit("track");
    this.emit("time");
  }

  // From a step on, to the end or to another step; resolves to whether it came to its end.
  async play(until = null) {
    if (!this.track || this.playing) return false;
    try {
      await this.wakeSynth();
    } catch {
      if (!this.silent) announce("This browser makes no sound; the notes are shown");
      this.silent = true;
    }
    if (this.playing) return false;
    if (this.position >= this.length) this.position = 0;
    const { onsets, durations } = this.track;
    this.until = until ?? this.length;
    this.playing = true;
    this.next = onsets.findIndex((onset, i) => onset + durations[i] > this.position);
    this.anchor();
    this.timer = setInterval(() => this.schedule(), 100);
    this.schedule();
    this.emit("state");
    this.frame();
    return new Promise((resolve) => { this.settle = resolve; });
  }

  anchor() { this.started = this.now() + START_DELAY_S - this.position * this.stepSeconds; }

  schedule() {
    const { pitches, onsets, durations } = this.track;
    const horizon = this.now() + LOOK_AHEAD_S;
    while (this.next >= 0 && this.next < pitches.length && onsets[this.next] < this.until) {
      const start = this.started + onsets[this.next] * this.stepSeconds;
      if (start > horizon) break;
      if (this.synth) this.synth.note(pitches[this.next] + this.transposition, Math.max(start, this.now()), durations[this.next] * this.stepSeconds);
      this.next += 1;
    }
  }

  frame() {
    if (!this.playing) return;
    const delay = this.synth ? this.synth.context.outputLatency || 0 : 0;
    this.position = Math.max(0, (this.now() - delay - this.started) / this.stepSeconds);
    if (this.position >= this.until) {
      const again = this.isLooping && this.until >= this.length;
      this.stop(true);
      if (again) this.play();
      return;
    }
    const { onsets, durations } = this.track;
    let note = -1;
    for (let i = 0; i < onsets.length && onsets[i] <= this.position; i++) if (this.position < onsets[i] + durations[i]) note = i;
    if (note !== this.note) { this.note = note; this.emit("note"); }
    this.emit("time");
    requestAnimationFrame(() => this.frame());
  }

  stop(ended) {
    clearInterval(this.timer);
    this.playing = false;
    if (this.synth) this.synth.silence();
    if (ended) { this.position = this.until >= this.length ? 0 : this.until; this.note = -1; }
    this.emit("state");
    this.emit("note");
    this.emit("time");
    if (this.settle) this.settle(ended);
    this.settle = null;
  }

  pause() { if (this.playing) this.stop(false); }
  toggle() { if (this.playing) this.pause(); else this.play(); }

  seek(position) {
    const was = this.playing;
    this.pause();
    this.position = Math.min(Math.max(0, position), this.length);
    this.emit("time");
    if (was) this.play();
  }

  setTempo(tempo) {
    const was = this.playing;
    this.pause();
    this.tempo = tempo;
    if (was) this.play();
  }

  setVolume(volume) {
    this.volume = volume;
    if (this.synth) this.synth.setVolume(volume);
  }

  setTransposition(semitones) {
    const was = this.playing;
    this.pause();
    this.transposition = semitones;
    if (was) this.play();
  }

  // Plays a few notes, one after the other, that do not become the track.
  async ring(pitches, apart = 0.45) {
    this.pause();
    try {
      await this.wakeSynth();
    } catch { return; }
    this.synth.silence();
    pitches.forEach((pitch, i) => this.synth.note(pitch, this.now() + START_DELAY_S + i * apart, apart * 1.4));
  }
}

const player = new Player();
