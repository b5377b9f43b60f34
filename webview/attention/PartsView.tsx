import { useEffect, useMemo, useRef, useState } from 'react';
import { countOf, middles } from '../../extension/protocol/parts';
import { fitting, middleOf, type Size } from '../../extension/protocol/size';
import { canvasControl } from '../model/control';
import { setPage } from '../model/page';
import { DEFAULT_CLUSTERS, type Region, regionsOf } from '../model/regions';
import { studio, toast, useStudio } from '../model/store';
import { denoiseOf } from '../model/upstream';
import { readable } from '../model/words';
import { usePictureOf } from '../nodes/NodePicture';
import { Tool } from '../ui/Icon';
import { Nothing } from '../ui/Nothing';
import { Select } from '../ui/Select';
import { useEscape } from '../ui/useEscape';
import { useRoom } from '../ui/useRoom';
import { bend } from './Flow';
import { match, unmatch } from './partEdits';
import { isStale, type Match, matchesOf, placeOfPart, regionOf } from './parts';
import { PartsPane, type PartsSide, type ShownPart } from './PartsPane';
import { RunWithIt } from './RunWithIt';
import { type FoundParts, useParts } from './useParts';

/** Into how many parts the images can be divided here; a segment node may have other numbers. */
const COUNTS = [3, 4, 5, 6, 8, 10, 12];

interface Part {
  side: PartsSide;
  part: number;
}

function close(): void {
  const swap = studio().page.matching;
  setPage({ matching: undefined });
  if (swap !== undefined) window.requestAnimationFrame(() => canvasControl().focusNode(swap));
}

/** The parts of structure and appearance side by side, in one colour where they are matched: click one and then the other to correct it. */
export function PartsView({ swap }: { swap: string }) {
  const graph = useStudio((state) => state.graph);
  const node = denoiseOf(graph, swap);
  const { regions, others } = useMemo(
    () => (graph ? regionsOf(graph, swap) : { regions: [], others: [] }),
    [graph, swap],
  );
  const [count, setCount] = useState(DEFAULT_CLUSTERS);
  const clusters = regions[0]?.clusters ?? count;
  const { found, problem } = useParts(node, clusters);
  const [chosen, setChosen] = useState<Part | undefined>();
  const [wanted, setWanted] = useState<string | undefined>();
  const [onResult, setOnResult] = useState(false);
  const section = useRef<HTMLElement>(null);
  useEffect(() => section.current?.focus({ preventScroll: true }), []);
  useEscape(() => (chosen ? setChosen(undefined) : close()));
  const readOnly = useStudio((state) => state.readOnly);
  const images = found?.parts.appearances ?? [];
  const look = images.find((one) => one.node === wanted) ?? images[0];
  const stale = found !== undefined && isStale(found.parts, regions);
  return (
    <section
      ref={section}
      tabIndex={-1}
      className="inspect"
      aria-label={`Parts of ${readable(swap)}`}
      data-testid="parts-view"
    >
      <div className="inspect-head" role="toolbar" aria-label="Parts">
        <h2>Match parts</h2>
        <span className="where">{readable(swap)}</span>
        {found && look && (
          <>
            <Select
              name="Parts of each image"
              testId="parts-count"
              options={[...new Set([...COUNTS, clusters])]
                .sort((a, b) => a - b)
                .filter((value) => regions.length === 0 || value === clusters)
                .map((value) => ({ value, label: `${value} parts` }))}
              value={clusters}
              onChange={(value) => {
                setChosen(undefined);
                setCount(value);
              }}
            />
            {images.length > 1 && (
              <Select
                name="Appearance"
                testId="parts-look"
                options={images.map((one) => ({ value: one.node, label: readable(one.node) }))}
                value={look.node}
                onChange={setWanted}
              />
            )}
            <Tool
              icon="history"
              label={
                onResult ? 'Show the structure under its parts' : 'Show the result under the parts of the structure'
              }
              aria-pressed={onResult}
              data-testid="parts-on-result"
              onClick={() => setOnResult(!onResult)}
            />
            <Tool
              icon="discard"
              label="Match all parts by attention again"
              disabled={regions.length === 0 || readOnly}
              data-testid="parts-reset"
              onClick={() => unmatch(swap, regions)}
            />
          </>
        )}
        <Tool icon="close" label="Back to the graph" keys="Escape" data-testid="parts-close" onClick={close} />
      </div>
      {found && look && node !== undefined ? (
        <Stage
          key={found.parts.structure.join()}
          {...{ swap, node, found, regions, others, chosen, setChosen, onResult, stale }}
          shown={look.node}
        />
      ) : node === undefined ? (
        <Nothing
          view="inspect"
          why={`${readable(swap)} leads to no denoise node, so there is no attention to match parts by. Connect one.`}
        />
      ) : (
        <Nothing view="inspect" node={node} why={problem}>
          The parts appear as soon as {readable(node)} is done.
        </Nothing>
      )}
    </section>
  );
}

const GAP = 56;
const CAPTION = 30;

function Stage(props: {
  swap: string;
  node: string;
  found: FoundParts;
  regions: readonly Region[];
  others: readonly string[];
  /** The appearance on the right. */
  shown: string;
  chosen: Part | undefined;
  setChosen: (part: Part | undefined) => void;
  onResult: boolean;
  stale: boolean;
}) {
  const { swap, node, found, regions, others, shown, chosen, setChosen, onResult, stale } = props;
  const { parts, clusters } = found;
  const { grid } = parts;
  const look = parts.appearances.find((one) => one.node === shown)!;
  const [pointed, setPointed] = useState<Part | undefined>();
  const [stage, room] = useRoom();
  const box = fitting(grid, { width: (room.width - GAP) / 2, height: room.height - CAPTION });
  const matches = useMemo(() => matchesOf(parts, regions), [parts, regions]);
  const places = useMemo(
    () => ({ structure: middles(parts.structure, grid), appearance: middles(look.labels, grid) }),
    [parts, look, grid],
  );
  const colours = countOf(look.labels);
  const result = usePictureOf(node);
  const draw = useMemo(() => drawn(matches, places, shown, grid), [matches, places, shown, grid]);
  const links = useMemo(() => linksOf(chosen, pointed, matches, shown), [chosen, pointed, matches, shown]);
  const lit = useMemo(() => litBy(chosen ?? pointed, links), [chosen, pointed, links]);

  const choose = (side: PartsSide, part: number) => {
    if (!mayMatch(swap, others)) return;
    if (!chosen || chosen.side === side)
      return setChosen(chosen?.part === part && chosen.side === side ? undefined : { side, part });
    const [from, to] = side === 'appearance' ? [part, chosen.part] : [chosen.part, part];
    setChosen(undefined);
    const now = matches[to];
    if (now && !now.corrected && now.node === shown && now.part === from)
      return toast('Attention matches these two parts already.', 'info');
    match(
      swap,
      { grid, toCell: places.structure[to]!, appearance: shown, fromCell: places.appearance[from]!, clusters },
      regionOf(parts, regions, to),
    );
  };
  const clear = (part: number) => {
    const region = regionOf(parts, regions, part);
    if (region && mayMatch(swap, [])) unmatch(swap, [region]);
  };
  const pane = (side: PartsSide) => ({
    ...{ side, grid, box, colours },
    labels: side === 'structure' ? parts.structure : look.labels,
    parts: draw[side],
    lit: lit[side],
    chosen: chosen?.side === side ? chosen.part : undefined,
    onPoint: (part: number | undefined) => {
      if (part !== pointed?.part || side !== pointed?.side) setPointed(part === undefined ? undefined : { side, part });
    },
    onChoose: (part: number) => choose(side, part),
  });
  return (
    <>
      <div className="inspect-stage" ref={stage}>
        <div className="inspect-panes" style={{ width: 2 * box.width + GAP, height: box.height + CAPTION, gap: GAP }}>
          <PartsPane {...pane('structure')} label={onResult ? 'Output' : 'Structure'} onDelete={clear}>
            {onResult ? result : <img src={found.structure} alt="structure" draggable={false} />}
          </PartsPane>
          <PartsPane
            {...pane('appearance')}
            label={parts.appearances.length > 1 ? `Appearance: ${readable(shown)}` : 'Appearance'}
          >
            <img src={found.looks[shown]} alt="appearance" draggable={false} />
          </PartsPane>
          <Lines {...{ box, grid, places, links }} />
        </div>
      </div>
      <div className="inspect-foot">
        <p
          className={others.length > 0 ? 'inspect-sentence off' : 'inspect-sentence'}
          id="inspect-sentence"
          aria-live="polite"
          data-testid="parts-sentence"
        >
          {sentence({ chosen, pointed, matches, shown, stale, others })}
        </p>
        {(stale || regions.length > 0) && <RunWithIt node={node} stale={stale} what="matches" testId="parts-run" />}
      </div>
    </>
  );
}

/** Why nothing can be matched here, as a toast; true where it can. */
function mayMatch(swap: string, others: readonly string[]): boolean {
  const { readOnly, reason } = studio();
  if (readOnly) toast(reason ?? 'This file is read-only.', 'info');
  else if (others.length > 0) toast(`${readable(swap)} has masks of its own: disconnect them to match parts.`, 'info');
  return !readOnly && others.length === 0;
}

type Places = Readonly<Record<PartsSide, readonly number[]>>;

function drawn(
  matches: readonly (Match | undefined)[],
  places: Places,
  shown: string,
  grid: Size,
): Readonly<Record<PartsSide, ShownPart[]>> {
  return {
    structure: places.structure.map((middle, part) => {
      const found = matches[part];
      const where = `Part of the structure at ${placeOfPart(middle, grid)}`;
      const colour = found?.node === shown ? found.part : undefined;
      const from = !found
        ? 'the next run matches it'
        : colour === undefined
          ? `it takes its look from ${readable(found.node)}`
          : `it takes its look from part ${colour + 1} of the appearance`;
      const corrected = found?.corrected === true;
      return { colour, middle, corrected, label: `${where}: ${from}${corrected ? ', as you chose' : ''}` };
    }),
    appearance: places.appearance.map((middle, part) => ({
      colour: part,
      middle,
      label: `Part ${part + 1} of the appearance, at ${placeOfPart(middle, grid)}`,
    })),
  };
}

/** Pairs of parts to show: those that the part under the pointer is in, or the one that a second click would make. */
function linksOf(
  chosen: Part | undefined,
  pointed: Part | undefined,
  matches: readonly (Match | undefined)[],
  shown: string,
): Record<PartsSide, number>[] {
  if (chosen && pointed && chosen.side !== pointed.side)
    return [{ structure: 0, appearance: 0, [chosen.side]: chosen.part, [pointed.side]: pointed.part }];
  const at = chosen ?? pointed;
  return matches.flatMap((found, structure) => {
    const link = found?.node === shown ? { structure, appearance: found.part } : undefined;
    return link && at && link[at.side] === at.part ? [link] : [];
  });
}

function litBy(
  at: Part | undefined,
  links: readonly Record<PartsSide, number>[],
): Readonly<Record<PartsSide, ReadonlySet<number>>> {
  const of = (side: PartsSide) =>
    new Set([...links.map((link) => link[side]), ...(at?.side === side ? [at.part] : [])]);
  return { structure: of('structure'), appearance: of('appearance') };
}

/** Curves between the numbers of two parts. */
function Lines(props: { box: Size; grid: Size; places: Places; links: readonly Record<PartsSide, number>[] }) {
  const { box, grid, places, links } = props;
  const width = 2 * box.width + GAP;
  const at = (cell: number, left: number): [number, number] => {
    const [x, y] = middleOf(cell, grid);
    return [left + x * box.width, y * box.height];
  };
  return (
    <svg
      className="inspect-flow"
      width={width}
      height={box.height}
      viewBox={`0 0 ${width} ${box.height}`}
      aria-hidden="true"
    >
      {links.map(({ structure, appearance }) => {
        const line = bend(at(places.structure[structure]!, 0), at(places.appearance[appearance]!, box.width + GAP));
        return (
          <g key={`${structure} ${appearance}`}>
            <path className="flow-halo" d={line} />
            <path className="flow-line" d={line} stroke="#fff" />
          </g>
        );
      })}
    </svg>
  );
}

/** What is shown, or what to do next, in a sentence. */
function sentence(state: {
  chosen: Part | undefined;
  pointed: Part | undefined;
  matches: readonly (Match | undefined)[];
  shown: string;
  stale: boolean;
  others: readonly string[];
}): string {
  const { chosen, pointed, matches, shown, stale, others } = state;
  if (chosen)
    return chosen.side === 'structure'
      ? 'Click the part of the appearance that it should take its look from. Escape cancels.'
      : `Click the part of the structure that should take its look from part ${chosen.part + 1}. Escape cancels.`;
  const found = pointed?.side === 'structure' ? matches[pointed.part] : undefined;
  if (pointed?.side === 'structure' && !found) return 'Attention matches it in the next run.';
  if (found) {
    const from = found.node === shown ? `part ${found.part + 1}` : readable(found.node);
    if (found.corrected)
      return `It takes its look from ${from}, as you chose. Press Delete to match it by attention again.`;
    return `It takes its look from ${from}, which gets ${Math.round(100 * found.share)} % of its attention.`;
  }
  if (pointed?.side === 'appearance') {
    const takers = matches.filter((one) => one?.node === shown && one.part === pointed.part).length;
    if (takers === 0) return `No part of the structure takes its look from part ${pointed.part + 1}.`;
    const which = takers === 1 ? 'One part of the structure takes its' : `${takers} parts of the structure take their`;
    return `${which} look from part ${pointed.part + 1}.`;
  }
  if (others.length > 0)
    return `Masks are connected already (${others.map(readable).join(', ')}); a matched part would share its place with them. Disconnect them to match parts.`;
  if (stale) return 'The matches were changed since the last run. Run to see the result with them.';
  return 'Parts with one number are matched: the part on the left takes its look from the part on the right. To correct a match, click a part and then its part in the other image.';
}
