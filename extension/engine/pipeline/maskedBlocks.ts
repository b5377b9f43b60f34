/** The index lists of masked attentions: chosen queries of an entry of the decoder's batch attend to chosen keys of one picture. */

/** One masked attention. Weights are on the layer's tokens [N]; what has none takes no part. */
export interface MaskedAttention {
  /** The entry of the decoder's batch that the queries are of. */
  entry: number;
  /** The entry of all keys and values. */
  kv: number;
  /** β of the contrast; 1 is none. */
  contrast: number;
  /** How much of each query's output comes from here. */
  queryWeights: Float32Array;
  /** w of each key: M = softmax(scale·q·kᵀ + ln w), contrast clip(β·M + (1 − β)·w/Σw, 0, 1). */
  keyWeights: Float32Array;
}

export interface MaskedBlocks {
  /** [blocks + 1, 3]: how many attentions, queries and keys come before each block. */
  blocks: number[];
  /** Positions among the tokens of the decoder's whole batch, and of all keys and values. */
  queries: number[];
  keys: number[];
  /** ln w and (1 − β)·w/Σw, one a key. */
  bias: number[];
  offset: number[];
  /** β, one an attention. */
  contrast: number[];
  /** For each decoder entry, share and token [batch, shares, N] a position among the outputs, with its weight. */
  shares: number;
  mix: number[];
  mixWeights: Float32Array;
}

/** ln w of what only fills a block up: its weight is exactly 0. */
const FILLED = -1e4;
/** Numbers of an attention map that may be computed for nothing where that saves a block: about what a block costs beside its maps. */
const FILLING = 1 << 16;

interface Portion {
  attention: MaskedAttention;
  queries: number[];
  keys: number[];
}

/**
 * Masked attentions as blocks of equal size, whose maps (heads × queries × keys numbers, twice) stay within `budgetBytes` as far as
 * they can be cut: the queries of one attention may be in several.
 */
export function maskedBlocks(
  attentions: readonly MaskedAttention[],
  { batch, tokens, heads, budgetBytes }: { batch: number; tokens: number; heads: number; budgetBytes: number },
): MaskedBlocks {
  const most = Math.max(1, Math.floor(budgetBytes / (2 * 4 * heads)));
  const portions = attentions.flatMap((attention): Portion[] => {
    const [queries, keys] = [weighty(attention.queryWeights), weighty(attention.keyWeights)];
    const size = Math.max(1, Math.floor(most / keys.length));
    const count = Math.ceil(queries.length / size);
    return Array.from({ length: count }, (_, at) => ({
      attention,
      keys,
      queries: queries.slice(at * size, (at + 1) * size),
    }));
  });
  const made: MaskedBlocks = {
    blocks: [0, 0, 0],
    queries: [],
    keys: [],
    bias: [],
    offset: [],
    contrast: [],
    shares: 1,
    mix: [],
    mixWeights: new Float32Array(),
  };
  const found = Array.from({ length: batch * tokens }, (): { position: number; weight: number }[] => []);
  for (const block of packed(portions, most, heads)) {
    const [wide, long] = [widest(block, 'queries'), widest(block, 'keys')];
    for (const { attention, queries, keys } of block) {
      const { entry, kv, contrast, queryWeights, keyWeights } = attention;
      for (const token of queries) {
        // Behind the entry that counts for nothing.
        const position = 1 + made.queries.length;
        found[entry * tokens + token]!.push({ position, weight: queryWeights[token]! });
        made.queries.push(entry * tokens + token);
      }
      for (let fill = queries.length; fill < wide; fill++) made.queries.push(entry * tokens + queries[0]!);
      const sum = keys.reduce((total, token) => total + keyWeights[token]!, 0);
      for (const token of keys) {
        made.keys.push(kv * tokens + token);
        made.bias.push(Math.log(keyWeights[token]!));
        made.offset.push(((1 - contrast) * keyWeights[token]!) / sum);
      }
      for (let fill = keys.length; fill < long; fill++) {
        made.keys.push(kv * tokens + keys[0]!);
        made.bias.push(FILLED);
        made.offset.push(0);
      }
      made.contrast.push(contrast);
    }
    made.blocks.push(made.contrast.length, made.queries.length, made.keys.length);
  }
  made.shares = found.reduce((longest, { length }) => Math.max(longest, length), 1);
  if (attentions.length === 0) return made;
  made.mix = new Array<number>(batch * made.shares * tokens).fill(0);
  made.mixWeights = new Float32Array(made.mix.length);
  for (const [place, shares] of found.entries()) {
    const [entry, token] = [Math.floor(place / tokens), place % tokens];
    for (const [share, { position, weight }] of shares.entries()) {
      const at = (entry * made.shares + share) * tokens + token;
      made.mix[at] = position;
      made.mixWeights[at] = weight;
    }
  }
  return made;
}

const weighty = (weights: Float32Array): number[] => {
  const tokens: number[] = [];
  for (const [token, weight] of weights.entries()) if (weight > 0) tokens.push(token);
  return tokens;
};

const widest = (block: readonly Portion[], list: 'queries' | 'keys'): number =>
  block.reduce((most, portion) => Math.max(most, portion[list].length), 0);

/** Portions of about one size together, as far as their maps fit and little is computed for nothing. */
function packed(portions: readonly Portion[], most: number, heads: number): Portion[][] {
  const sorted = [...portions].sort((a, b) => b.keys.length - a.keys.length || b.queries.length - a.queries.length);
  const blocks: { portions: Portion[]; used: number }[] = [];
  for (const portion of sorted) {
    const own = portion.queries.length * portion.keys.length;
    const last = blocks.at(-1);
    if (last) {
      const together = [...last.portions, portion];
      const all = together.length * widest(together, 'queries') * widest(together, 'keys');
      const used = last.used + own;
      if (all <= most && (all <= 1.5 * used || (all - used) * heads <= FILLING)) {
        blocks[blocks.length - 1] = { portions: together, used };
        continue;
      }
    }
    blocks.push({ portions: [portion], used: own });
  }
  return blocks.map((block) => block.portions);
}
