const metricsOfSongs = new Map(pageData.song_metrics.map((metric) => [metric.key, metric]));

// A fixed number of decimals, a dash for what is missing, thousands in groups. As in `melgen.decimals`, a number other
// than 0 does not print as 0, but what is nearer to 0 than the rounding error of a sum does.
function show(value, decimals = 2) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  const size = Math.abs(value);
  if (size < 1e-9) value = 0;
  else if (size < 0.5 * 10 ** -decimals) decimals = -Math.floor(Math.log10(size));
  return value.toLocaleString("en", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
}

const NAMES = ["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"];
const pitchName = (pitch) => `${NAMES[((pitch % 12) + 12) % 12]}${Math.floor(pitch / 12) - 1}`;
// Neighbours on the circle of fifths have neighbouring hues.
const pitchHue = (pitch) => `hsl(${(((pitch * 7) % 12 + 12) % 12) * 30} ${isDark() ? "62% 66%" : "58% 42%"})`;

// A colour between two, as the browser mixes them, and whether text on it must be light.
function mixed(from, to, share) {
  const parts = [from, to].map((hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16)));
  const [r, g, b] = parts[0].map((part, i) => Math.round(part + (parts[1][i] - part) * share));
  const linear = [r, g, b].map((part) => (part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4));
  const luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  return { fill: `rgb(${r} ${g} ${b})`, text: 1.05 / (luminance + 0.05) > (luminance + 0.05) / 0.05 ? "#fff" : "#000" };
}

// "Round" numbers between two, for an axis.
function ticks(low, high, count = 4) {
  const raw = (high - low) / count || 1;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((each) => each >= raw);
  const found = [];
  const first = Math.ceil(low / step);
  for (let i = 0; i <= 2 * count && (first + i) * step <= high + step * 1e-9; i++) found.push((first + i) * step);
  return { found, decimals: Math.max(0, -Math.floor(Math.log10(step) + 1e-9) + (step / power === 2.5 ? 1 : 0)) };
}
