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

// Whether a study selected some of its runs, and left others out.
const hasSelection = () => pageData.runs.some((run) => run.is_selected) && !pageData.runs.every((run) => run.is_selected);

// A name of several parts in lines, where each part begins a line: a variant is below the name of its network.
const LETTERS_OF_LINE = 21;
const labelLines = (parts) => parts.flatMap((part) => inLines(part, LETTERS_OF_LINE));
