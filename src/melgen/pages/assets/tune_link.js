// A tune in the address of the page: #tune= and its notes as letters. Whatever an address holds is checked.
const TUNE_LINK = "#tune=";
const MOST_NOTES = 400; // of a tune that one plays

function tuneLink(tune) {
  const bytes = new TextEncoder().encode(JSON.stringify(tune));
  return TUNE_LINK + btoa(String.fromCharCode(...bytes)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

// The tune of an address; null without one, {problem} for one that cannot be read.
function tuneOfLink(hash) {
  if (!hash.startsWith(TUNE_LINK)) return null;
  const problem = "The link to a tune is damaged: the tune could not be read.";
  try {
    const letters = hash.slice(TUNE_LINK.length).replace(/-/g, "+").replace(/_/g, "/");
    const { name, metre = null, primer, notes } = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(Uint8Array.from(atob(letters), (letter) => letter.charCodeAt(0))));
    const whole = (value, low, high) => Number.isInteger(value) && value >= low && value <= high;
    const isMetre = metre === null || (Array.isArray(metre) && metre.length === 2 && metre.every((part) => whole(part, 1, 64)));
    let end = 0;
    const isNote = ([pitch, onset, duration, by]) => {
      const fits = whole(pitch, 0, 127) && whole(onset, end, 1e7) && whole(duration, 1, 2047) && whole(by, 0, 1);
      end = onset + duration;
      return fits;
    };
    if (typeof name !== "string" || !Array.isArray(notes) || notes.length > MOST_NOTES || !notes.every(isNote) || !whole(primer, 0, notes.length) || !isMetre) return { problem };
    return { name, metre, primer, notes };
  } catch {
    return { problem };
  }
}
