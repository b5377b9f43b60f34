import { type KeyboardEvent, useRef, useState } from 'react';
import { type Size, sizeText } from '../../extension/protocol/size';
import { openNodePicture } from '../model/actions/pictures';
import { postToHost } from '../model/host';
import { resultNames } from '../model/results';
import { closeStage, fileNode, pathOf, resultNode, sourceImages, toggleKept } from '../model/stage';
import { useStudio } from '../model/store';
import { baseName, readable } from '../model/words';
import { useShown, wasLookedFor } from '../nodes/NodePicture';
import { Button, Tool } from '../ui/Icon';
import { Nothing } from '../ui/Nothing';
import { Segmented } from '../ui/Segmented';
import { Select } from '../ui/Select';
import { useEscape } from '../ui/useEscape';
import { useRoom } from '../ui/useRoom';
import { copyShown } from './copy';
import { meanWords, STRENGTH } from './difference';
import { type Mode, type Other } from './compared';
import { Picture } from './Picture';
import { usePlace } from './usePlace';

const NOTHING = 'nothing';
const BEFORE = 'before';

/** A node's image as large as there is room for, and beside what it was before or was made from. */
export function StageView({ node }: { node: string }) {
  useEscape(closeStage);
  const shown = useShown(node);
  const others = useOthers(node);
  const [chosen, choose] = useState<string>();
  const [mode, setMode] = useState<Mode>('flip');
  const [flipped, setFlipped] = useState(false);
  const [at, setAt] = useState(50);
  const [mean, setMean] = useState<number>();
  const [size, setSize] = useState<Size>();
  const [room, space] = useRoom();
  const place = usePlace(size, space);
  const picture = useRef<HTMLDivElement>(null);
  const { list } = others;
  const now = shown?.step ? `Step ${shown.step.index + 1}` : others.now;
  // Without a choice of one's own, the result before is what a new one is compared with.
  const other = list.find(({ key }) => key === (chosen ?? BEFORE));
  const hidden = other !== undefined && mode === 'flip' && flipped;

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const own = event.target instanceof HTMLElement && event.target.matches('input, select, button');
    if (event.key === ' ' && other && mode === 'flip' && (!own || flipped)) setFlipped(true);
    else if (own || !place.onKey(event.key)) return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <section
      className="inspect stage-view"
      aria-label={`Image of ${readable(node)}`}
      data-testid="stage"
      onKeyDown={onKeyDown}
      onKeyUp={(event) => event.key === ' ' && setFlipped(false)}
    >
      <div className="inspect-head">
        <h2>{readable(node)}</h2>
        <Where node={node} size={size} />
        {list.length > 0 && (
          <Select
            name="Compare with"
            value={other?.key ?? NOTHING}
            options={[
              { value: NOTHING, label: 'Compare with…' },
              ...list.map(({ key, name }) => ({ value: key, label: name })),
            ]}
            testId="stage-against"
            onChange={choose}
          />
        )}
        {other && (
          <Segmented
            name="How to compare"
            testId="stage-mode"
            value={mode}
            options={[
              { value: 'flip', label: 'Flip', icon: 'arrow-swap', title: 'Hold Space to see the other image' },
              { value: 'slider', label: 'Slider', icon: 'split-horizontal' },
              { value: 'difference', label: 'Difference', icon: 'diff' },
            ]}
            onChange={setMode}
          />
        )}
        {other?.key === BEFORE && <Keep node={node} />}
        <Tool icon="zoom-out" label="Zoom out" keys="-" onClick={() => place.onKey('-')} />
        <span className="stage-zoom" data-testid="stage-zoom">
          {place.percent === undefined ? '' : `${place.percent} %`}
        </span>
        <Tool icon="zoom-in" label="Zoom in" keys="+" onClick={() => place.onKey('+')} />
        <Tool icon="screen-full" label="Fit" keys="0" data-testid="stage-fit" onClick={() => place.onKey('0')} />
        <button
          type="button"
          className="tool"
          title="One pixel of the image on one of the screen (1)"
          data-testid="stage-full"
          onClick={() => place.onKey('1')}
        >
          1:1
        </button>
        <FileTools node={node} onCopy={() => void copyShown(picture.current)} shown={shown !== undefined} />
        <Tool icon="close" label="Back to the graph" keys="Escape" data-testid="stage-close" onClick={closeStage} />
      </div>
      <div
        className="stage-room"
        ref={room}
        tabIndex={0}
        role="group"
        aria-label={`${hidden ? other.name : other ? `${now}, compared with ${other.name}` : readable(node)}. Zoom with + and -, move with the arrow keys.`}
        data-testid="stage-room"
        {...(shown && place.handlers)}
      >
        {shown ? (
          <Picture
            frame={picture}
            {...{ shown, other, mode, at, setAt, hidden, size, onSize: setSize, onMean: setMean }}
            names={[other?.name ?? '', now]}
            place={place.view}
          />
        ) : (
          <NoImage node={node} compared={other?.name} />
        )}
      </div>
      {other && shown && (
        <div className="stage-foot" data-testid="stage-foot">
          {mode === 'flip' && (
            <Button
              secondary
              icon="arrow-swap"
              aria-pressed={flipped}
              data-testid="stage-flip"
              onPointerDown={() => setFlipped(true)}
              onPointerUp={() => setFlipped(false)}
              onPointerLeave={() => setFlipped(false)}
              onKeyDown={(event) => event.key === ' ' && setFlipped(true)}
              onBlur={() => setFlipped(false)}
            >
              {`Hold to see: ${other.name}`}
            </Button>
          )}
          {mode === 'slider' && (
            <label className="stage-slider">
              {other.name}
              <input
                type="range"
                min={0}
                max={100}
                value={at}
                aria-label={`How much of the image shows: ${other.name}`}
                data-testid="stage-slider"
                onChange={(event) => setAt(Number(event.target.value))}
              />
              {now}
            </label>
          )}
          <span data-testid="stage-mean">
            {mean === undefined
              ? ''
              : `Mean difference between ${other.name} and ${now}: ${meanWords(mean)}${mode === 'difference' ? ` · shown ${STRENGTH} times as strong` : ''}`}
          </span>
        </div>
      )}
    </section>
  );
}

function NoImage({ node, compared }: { node: string; compared: string | undefined }) {
  const file = pathOf(
    useStudio((state) => state.graph),
    node,
  );
  const looked = useStudio((state) => file !== undefined && wasLookedFor(state, node, file.path));
  if (file?.access === 'read')
    return <Nothing view="stage" why={looked ? `${file.path} is missing. Choose another image.` : undefined} />;
  const why =
    compared === undefined
      ? 'Run the graph to see this image.'
      : `Run the graph to compare its image with: ${compared}`;
  return (
    <Nothing view="stage" node={node} why={why}>
      The image appears as soon as {readable(node)} computes its first step.
    </Nothing>
  );
}

/** What the image of a node can be compared with, and what the image itself is called beside it. */
function useOthers(node: string): { list: Other[]; now: string } {
  const graph = useStudio((state) => state.graph);
  const resolved = useStudio((state) => state.resolved);
  const result = resultNode(graph, node);
  const earlier = useStudio((state) => state.earlier[result]);
  const picture = useStudio((state) => state.nodePictures[result]);
  const [before, now] = earlier ? resultNames(earlier, picture) : ['', 'Result'];
  const list: Other[] = earlier ? [{ key: BEFORE, name: before, url: earlier.url }] : [];
  const sources = sourceImages(graph, result);
  for (const { node: id, input, path } of sources) {
    const url = resolved[path];
    const several = sources.filter((other) => other.input === input).length > 1;
    const name = `${input === 'structure' ? 'Structure' : 'Appearance'}${several ? ` (${baseName(path)})` : ''}`;
    if (url !== undefined) list.push({ key: `${input} ${id}`, name, url });
  }
  return { list, now };
}

function Where({ node, size }: { node: string; size: Size | undefined }) {
  const graph = useStudio((state) => state.graph);
  const file = fileNode(graph, node);
  const path = file === undefined ? undefined : pathOf(graph, file)?.path;
  const words = [...(size ? [sizeText(size)] : []), ...(path === undefined ? [] : [path])].join(' · ');
  return (
    <span className="where" title={words} data-testid="stage-where">
      {words}
    </span>
  );
}

function Keep({ node }: { node: string }) {
  const id = useStudio((state) => resultNode(state.graph, node));
  const kept = useStudio((state) => state.earlier[id]?.kept === true);
  return (
    <Tool
      icon={kept ? 'pinned' : 'pin'}
      label={kept ? 'Compare with the result before again' : 'Keep comparing with this one'}
      aria-pressed={kept}
      data-testid="stage-keep"
      onClick={() => toggleKept(id)}
    />
  );
}

function FileTools({ node, shown, onCopy }: { node: string; shown: boolean; onCopy: () => void }) {
  const file = useStudio((state) => fileNode(state.graph, node));
  return (
    <>
      <Tool icon="copy" label="Copy the image" disabled={!shown} data-testid="stage-copy" onClick={onCopy} />
      {file !== undefined && (
        <Tool
          icon="folder-opened"
          label="Reveal File"
          data-testid="stage-reveal"
          onClick={() => postToHost({ type: 'revealFile', node: file })}
        />
      )}
      <Tool
        icon="go-to-file"
        label="Open in VS Code"
        disabled={!shown}
        data-testid="stage-open"
        onClick={() => openNodePicture(node)}
      />
    </>
  );
}
