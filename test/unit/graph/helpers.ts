import {
  applyChanges,
  applyEdit,
  type GraphEdit,
  parseGraph,
  standardGraph,
  writeGraph,
  type GraphDocument,
} from '../../../extension/graph';

export const standard = (): GraphDocument =>
  standardGraph({ structure: 'images/giraffe.png', appearance: 'images/zebra.png', domain: 'animal' });

export const standardText = (): string => writeGraph(standard());

export function edited(text: string, ...edits: GraphEdit[]): string {
  return edits.reduce((current, edit) => applyChanges(current, applyEdit(current, edit)), text);
}

export function documentOf(text: string): GraphDocument {
  const { document, problems } = parseGraph(text);
  if (!document) throw new Error(problems.map(({ message }) => message).join('\n'));
  return document;
}

/** Lines that only one of two texts has, as a diff shows them. */
export function diff(before: string, after: string): string[] {
  const a = before.split('\n');
  const b = after.split('\n');
  const lengths = Array.from({ length: a.length + 1 }, () => new Array<number>(b.length + 1).fill(0));
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      const [row, next] = [lengths[i] as number[], lengths[i + 1] as number[]];
      row[j] = a[i] === b[j] ? (next[j + 1] as number) + 1 : Math.max(next[j] as number, row[j + 1] as number);
    }
  }
  const lines: string[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      i++;
      j++;
    } else if (j >= b.length || (i < a.length && (lengths[i + 1]?.[j] ?? 0) >= (lengths[i]?.[j + 1] ?? 0))) {
      lines.push(`- ${(a[i++] as string).trim()}`);
    } else lines.push(`+ ${(b[j++] as string).trim()}`);
  }
  return lines;
}

/** A small seedable generator (mulberry32). */
export function randomOf(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4294967296) * below);
  };
}

/** A graph with something of everything that this version does not know. */
export const strangeText = `{
  "weft": 1,
  "nodes": {
    "dream": {
      "type": "dream-machine",
      "inputs": {
        "anything": ["swap.transfer", "swap.transfer"]
      },
      "params": {
        "deep": {
          "a": [1, 2, 3],
          "b": [
            {
              "x": null
            },
            []
          ]
        }
      },
      "since": "2031"
    },
    "swap": {
      "type": "attention-swap",
      "muted": true,
      "params": {
        "contrast": 2,
        "higherRange": [0, 50],
        "lustre": true
      },
      "__proto__": "kept"
    }
  },
  "frames": {
    "note": {
      "colour": "red",
      "rect": [-10, -20, 300, 200],
      "text": "Über \\"alles\\" hier\\nzwei"
    }
  },
  "layout": {
    "dream": [0, 0],
    "swap": [640, -120]
  },
  "author": {
    "name": "A. Weaver"
  },
  "zoo": []
}
`;
