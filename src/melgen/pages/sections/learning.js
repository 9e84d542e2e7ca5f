// Hear it learn: songs of one primer and seed, update after update.
addSection("learning", () => {
  const place = section("learning", "Hear it learn", "Songs that the network wrote on its way, always after the same primer and with the same seed. Move the slider, choose a song, or play from stage to stage.");
  whenNear(place, async () => {
    let stages;
    try { stages = await unfold("stages"); } catch (error) { failed(place)(error); return; }
    let stage = 0, number = 0, touring = false;
    const slider = h("input", { type: "range", min: 0, max: stages.length - 1, step: 1, value: 0, "aria-label": "Stage of the training", oninput: () => { touring = false; stage = Number(slider.value); draw(); } });
    const readout = h("p", { class: "stage-readout" });
    const view = h("div", {});
    const songs = Math.max(...stages.map((each) => each.songs.length));
    const which = songs > 1 ? choice("Song", Array.from({ length: songs }, (_, i) => [i, `Song ${i + 1}`]), 0, (value) => { number = value; touring = false; const track = draw(); player.load(track); player.play(); }) : null;
    const tour = h("button", { type: "button", class: "quiet", onclick: () => { touring ? stop() : go(); } }, "Play from here to the end");
    place.append(h("div", { class: "card" }, h("div", { class: "slider" }, slider, readout), which, view, tour));

    function draw() {
      const { updates, validation_loss, songs: own } = stages[stage];
      const song = own[Math.min(number, own.length - 1)];
      slider.value = stage;
      slider.setAttribute("aria-valuetext", updates ? `after ${counted(updates, "update")}` : "before the first update");
      const when = updates ? `After ${counted(updates, "update")}` : "Before the first update";
      readout.textContent = validation_loss === null ? when : `${when}, validation loss ${show(validation_loss, 3)}`;
      const track = { ...trackOf(`${when}, song ${number + 1}`, song), isStage: true };
      const was = player.playing && player.track?.isStage;
      view.replaceChildren(h("div", { class: "card-head" }, playButton(track, "Play")), melodyView(track, song.score));
      if (was) { player.load(track); player.play(); }
      return track;
    }
    function stop() { touring = false; player.pause(); tour.textContent = "Play from here to the end"; }
    async function go() {
      touring = true;
      tour.textContent = "Stop";
      player.pause();
      while (touring) {
        const track = draw();
        player.load(track);
        if (!(await player.play(player.length)) || stage === stages.length - 1) break;
        stage += 1;
      }
      stop();
    }
    draw();
  });
});
