// A network that runs in the page. It interprets the lists of operations that melgen.engine wrote, so it knows no cell.
// Each value of a program has an array of its own, which its operation fills again in each step; a view shares the array
// of another value. melgen/engine/program.py describes the operations.
const Network = (() => {
  function checkToken(token, size) {
    if (!Number.isInteger(token) || token < 0 || token >= size) throw new RangeError(`token ${token} is not from 0 to ${size - 1}`);
  }

  // All constants in single precision, each an array.
  function decodedConstants({ weights, constants }) {
    const bytes = atob(weights), numbers = new Float32Array(bytes.length / 2), table = halves();
    for (let i = 0; i < numbers.length; i++) numbers[i] = table[bytes.charCodeAt(2 * i) | (bytes.charCodeAt(2 * i + 1) << 8)];
    return constants.map(({ shape, offset, values }) => (values ? Float32Array.from(values) : numbers.subarray(offset, offset + countOf(shape))));
  }

  // The number of each of the 65536 patterns of half precision.
  function halves() {
    return Float32Array.from({ length: 65536 }, (_, bits) => {
      const sign = bits & 0x8000 ? -1 : 1, exponent = (bits >> 10) & 31, fraction = bits & 1023;
      if (exponent === 31) return fraction ? NaN : sign * Infinity;
      return sign * (exponent ? 2 ** (exponent - 25) * (1024 + fraction) : 2 ** -24 * fraction);
    });
  }

  const countOf = (shape) => shape.reduce((product, size) => product * size, 1);

  // A function from the arrays of the inputs to new arrays of the outputs.
  function program({ values, inputs, prepared, operations, outputs }, constants) {
    const arrays = [];
    for (const { shape, constant, of, offset } of values) {
      if (constant !== undefined) arrays.push(constants[constant]);
      else arrays.push(of === undefined ? new Float32Array(countOf(shape)) : arrays[of].subarray(offset, offset + countOf(shape)));
    }
    const made = (operation) => {
      const value = (number) => ({ array: arrays[number], shape: values[number].shape });
      return kernel(operation, operation.inputs.map(value), value(operation.output));
    };
    for (const operation of prepared) made(operation)();
    const kernels = operations.map(made), filled = inputs.map((number) => arrays[number]);
    const run = (given) => {
      for (let i = 0; i < filled.length; i++) filled[i].set(given[i]);
      for (let i = 0; i < kernels.length; i++) kernels[i]();
      return outputs.map((number) => arrays[number].slice());
    };
    return Object.assign(run, { lengths: filled.map((each) => each.length) });
  }

  const UNARY = {
    abs: Math.abs, ceil: Math.ceil, cos: Math.cos, erf: errorFunction, exp: Math.exp, expm1: Math.expm1, floor: Math.floor,
    log: Math.log, log1p: Math.log1p, neg: (x) => -x, not: (x) => (x === 0 ? 1 : 0), reciprocal: (x) => 1 / x,
    relu: (x) => (x < 0 ? 0 : x), round: roundToEven, rsqrt: (x) => 1 / Math.sqrt(x), sigmoid: (x) => 1 / (1 + Math.exp(-x)),
    sign: (x) => (x > 0) - (x < 0), sin: Math.sin, sqrt: Math.sqrt, tanh: Math.tanh, trunc: Math.trunc,
  };

  const BINARY = {
    add: (x, y) => x + y, sub: (x, y) => x - y, mul: (x, y) => x * y, div: (x, y) => x / y, pow: (x, y) => x ** y,
    maximum: Math.max, minimum: Math.min, remainder: (x, y) => x - y * Math.floor(x / y), fmod: (x, y) => x % y,
    eq: (x, y) => +(x === y), ne: (x, y) => +(x !== y), lt: (x, y) => +(x < y), le: (x, y) => +(x <= y),
    gt: (x, y) => +(x > y), ge: (x, y) => +(x >= y),
    and: (x, y) => +(x !== 0 && y !== 0), or: (x, y) => +(x !== 0 || y !== 0), xor: (x, y) => +((x !== 0) !== (y !== 0)),
  };

  const REDUCTIONS = {
    sum: (run) => run.reduce((total, x) => total + x, 0), mean: (run) => run.reduce((total, x) => total + x, 0) / run.length,
    amax: (run) => run.reduce((x, y) => Math.max(x, y)), amin: (run) => run.reduce((x, y) => Math.min(x, y)),
  };

  // A function without arguments that computes an operation: its arrays are bound once.
  function kernel({ name, offset, strides, indices }, inputs, output) {
    const out = output.array, [first, second, third] = inputs.map((input) => input.array);
    if (Object.hasOwn(UNARY, name)) return unary(UNARY[name], first, out);
    if (Object.hasOwn(BINARY, name)) return binary(BINARY[name], inputs, output);
    if (Object.hasOwn(REDUCTIONS, name)) return reduction(REDUCTIONS[name], first, out);
    if (name === "where") return choice(inputs, output);
    if (name === "product") return product(inputs, output);
    if (name === "rows") {
      const width = inputs[0].shape[1];
      return () => second.forEach((row, i) => out.set(first.subarray(row * width, (row + 1) * width), i * width));
    }
    if (name === "concatenate") {
      return () => {
        let at = 0;
        for (const { array } of inputs) { out.set(array, at); at += array.length; }
      };
    }
    if (name === "arrange") {
      const places = Int32Array.from(indices ?? placesOf(output.shape, strides, offset));
      return () => { for (let i = 0; i < out.length; i++) out[i] = first[places[i]]; };
    }
    throw new Error(`operation ${name} is not among those of this engine`);
  }

  function unary(f, x, out) {
    return () => { for (let i = 0; i < out.length; i++) out[i] = f(x[i]); };
  }

  function binary(f, inputs, output) {
    const [x, y] = inputs.map((input) => input.array), out = output.array;
    const [xPlaces, yPlaces] = inputs.map((input) => broadcast(input.shape, output.shape));
    if (!xPlaces && !yPlaces) return () => { for (let i = 0; i < out.length; i++) out[i] = f(x[i], y[i]); };
    const places = (found) => found ?? Int32Array.from(out.keys());
    const [ofX, ofY] = [places(xPlaces), places(yPlaces)];
    return () => { for (let i = 0; i < out.length; i++) out[i] = f(x[ofX[i]], y[ofY[i]]); };
  }

  function choice(inputs, output) {
    const [holds, x, y] = inputs.map((input) => input.array), out = output.array;
    const [ofHolds, ofX, ofY] = inputs.map((input) => broadcast(input.shape, output.shape) ?? Int32Array.from(out.keys()));
    return () => { for (let i = 0; i < out.length; i++) out[i] = holds[ofHolds[i]] !== 0 ? x[ofX[i]] : y[ofY[i]]; };
  }

  function reduction(f, x, out) {
    const length = x.length / out.length;
    return () => { for (let i = 0; i < out.length; i++) out[i] = f(x.subarray(i * length, (i + 1) * length)); };
  }

  // The rows of both factors are contiguous, so that the inner loop runs along memory. Four sums at once are faster.
  function product([a, b, bias], output) {
    const x = a.array, w = b.array, added = bias?.array, out = output.array;
    const width = a.shape.at(-1), rows = a.shape.at(-2), columns = b.shape.at(-2), even = width - (width % 4);
    return () => {
      for (let i = 0; i < out.length; i++) {
        const row = Math.floor(i / columns), column = i % columns;
        let j = row * width, k = (Math.floor(row / rows) * columns + column) * width;
        let s0 = 0, s1 = 0, s2 = 0, s3 = 0;
        for (const end = j + even; j < end; j += 4, k += 4) {
          s0 += x[j] * w[k];
          s1 += x[j + 1] * w[k + 1];
          s2 += x[j + 2] * w[k + 2];
          s3 += x[j + 3] * w[k + 3];
        }
        for (const end = (row + 1) * width; j < end; j++, k++) s0 += x[j] * w[k];
        out[i] = s0 + s1 + s2 + s3 + (added ? added[column] : 0);
      }
    };
  }

  // Places in memory, row by row, of an array with strides.
  function placesOf(shape, strides, offset) {
    let places = [offset];
    shape.forEach((size, axis) => { places = places.flatMap((place) => Array.from({ length: size }, (_, i) => place + i * strides[axis])); });
    return places;
  }

  // Where the numbers of a broadcast array are; null if it has the full shape.
  function broadcast(shape, full) {
    if (countOf(shape) === countOf(full)) return null;
    const strides = [];
    let step = 1;
    for (let axis = full.length - 1, own = shape.length - 1; axis >= 0; axis--, own--) {
      const size = own < 0 ? 1 : shape[own];
      strides.unshift(size === 1 ? 0 : step);
      step *= size;
    }
    return Int32Array.from(placesOf(full, strides, 0));
  }

  function roundToEven(x) {
    const near = Math.round(x);
    return Math.abs(x % 1) === 0.5 ? 2 * Math.round(x / 2) : near;
  }

  // By its series for small x, and by a continued fraction for large x.
  function errorFunction(x) {
    const size = Math.abs(x);
    if (size > 6) return Math.sign(x);
    if (size < 2.5) {
      let term = size, sum = size;
      for (let n = 1; n < 60; n++) { term *= (-size * size) / n; sum += term / (2 * n + 1); }
      return (Math.sign(x) * 2 * sum) / Math.sqrt(Math.PI);
    }
    let fraction = size;
    for (let n = 60; n > 0; n--) fraction = size + n / 2 / fraction;
    return Math.sign(x) * (1 - Math.exp(-size * size) / (fraction * Math.sqrt(Math.PI)));
  }

  return class Network {
    #step; #first; #durations; #counts;

    constructor(data) {
      if (data.format !== 1) throw new Error(`a network of format ${data.format} cannot be read, only format 1`);
      Object.assign(this, { vocabSize: data.vocab_size, outputSize: data.output_size, durationSize: data.duration_size });
      const constants = decodedConstants(data);
      this.#step = program(data.step, constants);
      this.#first = data.first && program(data.first, constants);
      this.#durations = data.durations && program(data.durations, constants);
      this.#counts = this.#step.lengths.slice(1);
    }

    // The state before the first token.
    start() {
      return Object.freeze(this.#first ? [] : this.#counts.map((count) => new Float32Array(count)));
    }

    // Reads a token, with durations both tokens [first, second]. The given state stays as it is.
    step(tokens, state) {
      const read = [tokens].flat();
      const sizes = this.durationSize === null ? [this.vocabSize] : [this.vocabSize, this.durationSize + 1];
      if (read.length !== sizes.length) throw new RangeError(`a step reads ${sizes.length} tokens, not ${read.length}`);
      read.forEach((token, i) => checkToken(token, sizes[i]));
      const run = this.#first && state.length === 0 ? this.#first : this.#step;
      const expected = run.lengths.slice(1).join(), given = state.map((each) => each.length).join();
      if (given !== expected) throw new RangeError(`a state must have arrays of ${expected} numbers, got ${given}`);
      const [logits, output, ...after] = run([read, ...state]);
      return { logits, state: Object.freeze(after), output: this.durationSize === null ? null : output };
    }

    // Scores of the duration of a token, from the output of the step before it.
    durationLogits(output, token) {
      if (!this.#durations) throw new Error("this network has no durations");
      checkToken(token, this.outputSize);
      return this.#durations([output, [token]])[0];
    }
  };
})();
