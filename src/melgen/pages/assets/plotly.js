// Plotly is unfolded and read when the first chart that needs it comes near.
let plotlyReady = null;
function plotly() {
  plotlyReady ||= unfoldText("plotly").then((source) => {
    const script = h("script");
    script.textContent = source;
    document.head.append(script);
    if (!window.Plotly) throw new Error("Plotly did not start");
    return window.Plotly;
  });
  return plotlyReady;
}

const plotFont = () => ({ family: getComputedStyle(document.body).fontFamily, size: 13, color: colour("ink") });
const axisLook = (title) => ({
  title: { text: title, font: { size: 13 } }, gridcolor: colour("line"), zerolinecolor: colour("line"),
  linecolor: colour("line"), tickcolor: colour("line"), automargin: true,
});
const plotLook = () => ({
  paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: plotFont(), showlegend: false,
  margin: { l: 52, r: 12, t: 34, b: 46 }, modebar: { bgcolor: "rgba(0,0,0,0)", color: colour("soft"), activecolor: colour("accent") },
  hoverlabel: { bgcolor: colour("card"), bordercolor: colour("line"), font: plotFont() },
});
// Named one by one: by default there is also one that sends the data to a server.
const plotOptions = (flat = true) => ({ responsive: true, displaylogo: false,
  modeBarButtons: [flat ? ["zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d", "toImage"] : ["orbitRotation", "zoom3d", "pan3d", "resetCameraDefault3d", "toImage"]] });

function failed(element) {
  return (error) => element.replaceChildren(h("p", { class: "notice strong" }, `This part cannot be drawn: ${error.message}`));
}
