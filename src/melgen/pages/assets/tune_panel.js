// One network with its tune: a heading, the score, the notes to edit. A section decides what happens to the notes.
class TunePanel {
  // `onedit(panel, kind, index, value)` is called for a note that is selected or changed (see tune_editor.js).
  constructor(index, onedit) {
    Object.assign(this, { index, name: null, voice: null, notes: [], primer: 0, selected: -1, track: null, bars: [], header: null });
    this.title = h("h3", {});
    this.head = h("div", { class: "card-head" });
    this.score = h("div", { class: "score" });
    this.editor = tuneEditor({ label: "Tune", onchange: (...change) => onedit(this, ...change) });
    this.element = h("div", { class: "play-panel" }, this.head, this.score, this.editor.element);
    this.score.addEventListener("click", (event) => {
      const note = event.target.closest("[data-note]");
      if (note) onedit(this, "select", Number(note.dataset.note));
    });
    whileShown(this.element, "time", () => this.editor.mark(this.isHeard ? player.position : null));
    whileShown(this.element, "note", () => this.light());
    let width = 0;
    new ResizeObserver(() => {
      const before = width;
      width = this.element.clientWidth;
      // After this frame: what is drawn may change the size again.
      if (this.voice && before && before !== width) requestAnimationFrame(() => this.draw());
    }).observe(this.element);
  }

  get end() { return Math.max(0, ...this.notes.map((note) => note.onset + note.duration)); }
  get isHeard() { return this.track !== null && player.track === this.track; }

  // As song_files.js wants it, moved by some semitones.
  song(shift = 0) {
    return { title: `${this.name}, a tune`, tempo: player.tempo, ...this.header, notes: this.notes.map((note) => ({ ...note, pitch: note.pitch + shift })) };
  }

  // After a change of the notes, or of the metre.
  update(header) {
    this.header = header;
    this.bars = barStarts(header.metre, header.pickup, Math.max(1, this.end));
    this.changeTrack();
    this.draw();
  }

  select(index) {
    this.selected = index;
    this.editor.select(index);
  }

  draw() {
    this.editor.draw(this.notes, this.selected, this.bars);
    const score = staffOf(this.song(), Math.max(280, this.element.clientWidth - 4));
    this.score.replaceChildren(...(score ? [score] : []));
    this.light();
  }

  // The same notes remain the same track, so that they play on.
  changeTrack() {
    const before = this.track, list = (key) => this.notes.map((note) => note[key]);
    const after = this.notes.length ? trackOf(this.title.textContent, { pitches: list("pitch"), onsets: list("onset"), durations: list("duration"), bars: this.bars }) : null;
    if (before && after && ["title", "pitches", "onsets", "durations"].every((key) => String(before[key]) === String(after[key]))) return;
    const isHeard = this.isHeard;
    this.track = after;
    if (isHeard) player.load(after); // null after Clear: the bar goes
  }

  light() {
    const index = this.isHeard ? player.note : -1;
    this.element.querySelectorAll(".sounding").forEach((each) => each.classList.remove("sounding"));
    if (index >= 0) this.element.querySelectorAll(`[data-note="${index}"], [data-index="${index}"]`).forEach((each) => each.classList.add("sounding"));
  }
}
