// The menu that saves a song as a file. `song()` gives the song as song_files.js wants it; `say(text, isWrong)` shows a
// message; `name` is that of the file; `more` is a further entry.
function filesOfSong(song, { say, name = "tune", more = null }) {
  const save = async (ending, type, make) => {
    menu.open = false;
    try {
      saveFile(`${name}.${ending}`, await make(song()), type);
    } catch (error) {
      say(`The file cannot be made: ${error.message}`, true);
    }
  };
  const file = (text, ending, type, make) => h("button", { type: "button", class: "quiet", "data-file": ending, onclick: () => save(ending, type, make) }, text);
  const menu = h("details", { class: "play-files" }, h("summary", { class: "quiet" }, "Save"), h("div", { class: "card" },
    file("MIDI", "mid", "audio/midi", toMidi), file("MusicXML", "musicxml", "application/vnd.recordare.musicxml+xml", toMusicXml),
    file("ABC", "abc", "text/vnd.abc", toAbc), file("Sound (WAV)", "wav", "audio/wav", toWav), more));
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    menu.open = false;
    menu.firstElementChild.focus();
  });
  return menu;
}
