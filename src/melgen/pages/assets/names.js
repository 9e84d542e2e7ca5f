// The names of runs and sets, and their colours. Variants are what runs differ in apart from representation, cell,
// layers and seed; each has a colour of its own.
const VARIANT_COLOURS = 7;
// As SVG and Plotly write them, in pixels; the first one is a whole line.
const DASHES = ["0", "8,5", "2,4", "8,4,2,4", "15,5", "15,4,2,4", "8,3,2,3,2,3", "4,3"];
const variantNames = () => [...new Set([...pageData.runs, ...pageData.song_sets].map((each) => each.variant).filter((each) => each !== undefined))];
const numberedHue = (number) => `v${number % VARIANT_COLOURS}`;
const variantHue = (variant) => numberedHue(variantNames().indexOf(variant));
const hasVariants = (shown) => new Set(shown.map((each) => each.variant).filter((each) => each !== undefined)).size > 1;
const networkOf = (each) => `${each.dataset} ${each.cell} ${each.layers}`.trim();

// The name of a set of songs, without the primer that its directory's name may end with.
function titleOf(set) {
  const network = set.variant ? `${set.dataset}-${set.cell}-${set.layers} (${set.variant})` : set.name.replace(/-primer-.*$/, "");
  return set.primer ? `${network}, primer ${set.primer}` : network;
}

// The lines of text that label a row: a variant is in lines of its own below the name of the network.
const LETTERS_OF_LINE = 21;
const labelLines = (each, name) => (each.variant ? [networkOf(each), ...inLines(each.variant, LETTERS_OF_LINE)] : [name]);
