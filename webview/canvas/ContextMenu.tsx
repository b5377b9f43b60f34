import { type KeyboardEvent, useEffect, useRef } from 'react';
import { Icon } from '../ui/Icon';
import { copySelection, cutSelection, requestPaste } from '../model/actions/clipboard';
import { addFrame, setFrameColour, sharedColour } from '../model/actions/frames';
import {
  canFold,
  deleteSelection,
  duplicateSelection,
  mutable,
  startRename,
  toggleFold,
  toggleMute,
} from '../model/actions/nodes';
import { openParts } from '../model/inspection';
import { openStage, showsImage } from '../model/stage';
import { addPoint, removePoint, removePoints } from '../model/actions/points';
import { alignSelection, tidy } from '../model/actions/places';
import { focusField, selectAll, selected, selectedWire, selectedWithFolded } from '../model/actions/selection';
import { run } from '../model/running';
import { type Popup, studio, useStudio } from '../model/store';
import { ALIGNMENTS } from '../model/align';
import { AlignIcon } from '../ui/AlignIcon';
import { ColourRow } from '../ui/ColourRow';
import { canvasControl } from '../model/control';
import { canVary, startVariation } from '../model/vary';

interface Item {
  label: string;
  icon: string;
  keys?: string;
  disabled?: boolean;
  act: () => void;
}

/** `align`: a row of all alignments; `colours`: of all colours of a frame. */
type Entry = Item | 'line' | 'align' | 'colours';

/** What the keys of a menu go through. */
const ITEMS = '[role=menuitem], [role=menuitemradio]';

/** The menu of the canvas, of nodes, of a wire. */
export function ContextMenu({ popup }: { popup: Extract<Popup, { kind: 'menu' }> }) {
  const menu = useRef<HTMLDivElement>(null);
  const readOnly = useStudio((state) => state.readOnly);
  const canRun = useStudio((state) => state.canRun);
  const entries =
    popup.target === 'canvas'
      ? canvasEntries(popup, readOnly)
      : popup.target === 'wire'
        ? wireEntries(popup, readOnly)
        : nodeEntries(popup, readOnly, canRun);
  useEffect(() => menu.current?.querySelector<HTMLElement>(ITEMS)?.focus(), []);
  const close = () => useStudio.setState((state) => (state.popup === popup ? { popup: undefined } : {}));
  const onKeyDown = (event: KeyboardEvent) => {
    event.stopPropagation();
    const items = [...(menu.current?.querySelectorAll<HTMLElement>(ITEMS) ?? [])];
    const at = items.indexOf(document.activeElement as HTMLElement);
    const steps: Record<string, number> = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 };
    const step = steps[event.key] ?? 0;
    if (step !== 0) {
      event.preventDefault();
      items[(at + step + items.length) % items.length]?.focus();
    } else if (event.key === 'Home' || event.key === 'End') {
      event.preventDefault();
      items[event.key === 'Home' ? 0 : items.length - 1]?.focus();
    } else if (event.key === 'Escape' || event.key === 'Tab') {
      event.preventDefault();
      close();
      canvasControl().focusCanvas();
    }
  };
  return (
    <div
      className="menu"
      role="menu"
      aria-label="Actions"
      ref={menu}
      style={{ left: popup.at.x, top: popup.at.y }}
      data-testid="context-menu"
      onKeyDown={onKeyDown}
      onContextMenu={(event) => event.preventDefault()}
      onBlur={(event) => {
        if (!event.currentTarget.contains(event.relatedTarget)) close();
      }}
    >
      {entries.map((entry, index) =>
        entry === 'line' ? (
          <div key={index} role="separator" />
        ) : entry === 'align' ? (
          <AlignRow key={index} disabled={readOnly} onChoose={close} />
        ) : entry === 'colours' ? (
          <FrameColours key={index} disabled={readOnly} onChoose={close} />
        ) : (
          <button
            key={entry.label}
            type="button"
            role="menuitem"
            tabIndex={-1}
            aria-disabled={entry.disabled === true}
            onClick={() => {
              if (entry.disabled) return;
              close();
              canvasControl().focusCanvas();
              entry.act();
            }}
          >
            <Icon name={entry.icon} />
            {entry.label}
            {entry.keys !== undefined && <span className="keys">{entry.keys}</span>}
          </button>
        ),
      )}
    </div>
  );
}

function AlignRow({ disabled, onChoose }: { disabled: boolean; onChoose: () => void }) {
  const count = selected().nodes.length;
  return (
    <div className="align-row" role="group" aria-label="Align">
      {ALIGNMENTS.map(({ how, label, atLeast }) => (
        <button
          key={how}
          type="button"
          role="menuitem"
          tabIndex={-1}
          aria-label={label}
          title={label}
          aria-disabled={disabled || count < atLeast}
          data-testid={`align-${how}`}
          onClick={() => {
            if (disabled || count < atLeast) return;
            onChoose();
            canvasControl().focusCanvas();
            alignSelection(how);
          }}
        >
          <AlignIcon how={how} />
        </button>
      ))}
    </div>
  );
}

function FrameColours({ disabled, onChoose }: { disabled: boolean; onChoose: () => void }) {
  const { frames } = selected();
  return (
    <ColourRow
      role="menuitemradio"
      value={sharedColour(studio().graph, frames)}
      disabled={disabled}
      onChoose={(colour) => {
        onChoose();
        canvasControl().focusCanvas();
        setFrameColour(frames, colour);
      }}
    />
  );
}

/** How near to a reroute point a menu is its own. */
const POINT_REACH = 16;

type MenuPopup = Extract<Popup, { kind: 'menu' }>;

function canvasEntries(popup: MenuPopup, readOnly: boolean): Entry[] {
  return [
    {
      label: 'Add node…',
      icon: 'add',
      keys: 'N',
      disabled: readOnly,
      act: () => useStudio.setState({ popup: { kind: 'add', at: popup.at, flow: popup.flow } }),
    },
    { label: 'Paste', icon: 'clippy', keys: 'Ctrl+V', disabled: readOnly, act: () => requestPaste(popup.flow) },
    { label: 'Add comment frame', icon: 'comment', keys: 'G', disabled: readOnly, act: addFrame },
    'line',
    { label: 'Find node…', icon: 'search', keys: 'Ctrl+F', act: () => useStudio.setState({ finding: true }) },
    { label: 'Select all', icon: 'list-selection', keys: 'Ctrl+A', act: selectAll },
    { label: 'Tidy', icon: 'type-hierarchy', keys: 'T', disabled: readOnly, act: tidy },
    { label: 'Fit', icon: 'screen-full', keys: 'F', act: () => canvasControl().fit() },
  ];
}

function wireEntries(popup: MenuPopup, readOnly: boolean): Entry[] {
  const into = selectedWire()?.data?.wire;
  const points = into?.points ?? [];
  const under = points.findIndex(({ x, y }) => Math.hypot(x - popup.flow.x, y - popup.flow.y) < POINT_REACH);
  const removals: Item[] = [
    ...(into && under >= 0 ? [{ label: 'Remove reroute point', act: () => removePoint(into, under) }] : []),
    ...(into && points.length > (under < 0 ? 0 : 1)
      ? [{ label: 'Remove all reroute points', act: () => removePoints(into) }]
      : []),
  ].map((item) => ({ ...item, icon: 'close', disabled: readOnly }));
  return [
    {
      label: 'Insert node…',
      icon: 'add',
      keys: 'N',
      disabled: readOnly || !into,
      act: () =>
        useStudio.setState({ popup: { kind: 'add', at: popup.at, flow: popup.flow, ...(into ? { into } : {}) } }),
    },
    {
      label: 'Add reroute point',
      icon: 'git-commit',
      keys: 'R',
      disabled: readOnly || !into,
      act: () => into && addPoint(into, popup.flow),
    },
    ...removals,
    'line',
    { label: 'Delete wire', icon: 'trash', keys: 'Delete', disabled: readOnly, act: deleteSelection },
  ];
}

/** What does something for what is selected: a frame has no nodes of its own unless it is folded. */
function nodeEntries(popup: MenuPopup, readOnly: boolean, canRun: boolean): Entry[] {
  const { nodes, frames } = selected();
  const { graph } = studio();
  const only = nodes.length === 1 ? nodes[0] : undefined;
  const acted = selectedWithFolded().nodes;
  const when = (holds: boolean, entry: Item): Entry[] => (holds ? [entry] : []);
  const rename: Item = { label: 'Rename', icon: 'edit', keys: 'F2', disabled: readOnly, act: () => startRename() };
  const many: Entry[] =
    nodes.length > 1
      ? ['line', 'align', { label: 'Tidy selection', icon: 'type-hierarchy', keys: 'T', disabled: readOnly, act: tidy }]
      : [];
  const one: Entry[] =
    only === undefined
      ? []
      : [
          { label: 'Run to here', icon: 'run-above', disabled: !canRun, act: () => run(only) },
          ...when(graph !== undefined && canVary(graph, only), {
            label: 'Vary ×4',
            icon: 'multiple-windows',
            disabled: !canRun,
            act: () => startVariation(only),
          }),
          { label: 'Connect to…', icon: 'plug', keys: 'C', disabled: readOnly, act: () => openConnect(only, popup.at) },
          { label: 'Edit in the inspector', icon: 'settings', keys: 'Enter', act: () => focusField() },
          ...when(showsImage(graph, only), {
            label: 'View image',
            icon: 'zoom-in',
            keys: 'V',
            act: () => openStage(only),
          }),
          rename,
          ...when(graph?.nodes[only]?.type === 'attention-swap', {
            label: 'Match parts…',
            icon: 'extensions',
            keys: 'P',
            act: () => openParts(only),
          }),
          'line',
        ];
  return [
    ...one,
    ...when(nodes.length === 0 && frames.length === 1, rename),
    ...when(mutable(acted).length > 0, {
      label: 'Mute or unmute',
      icon: 'eye',
      keys: 'M',
      disabled: readOnly,
      act: () => toggleMute(),
    }),
    ...when(canFold({ nodes, frames }), {
      label: 'Fold or unfold',
      icon: 'fold',
      keys: 'E',
      disabled: readOnly,
      act: () => toggleFold(),
    }),
    ...when(acted.length > 0, {
      label: 'Duplicate',
      icon: 'files',
      keys: 'Ctrl+D',
      disabled: readOnly,
      act: duplicateSelection,
    }),
    { label: 'Copy', icon: 'copy', keys: 'Ctrl+C', act: copySelection },
    { label: 'Cut', icon: 'remove', keys: 'Ctrl+X', disabled: readOnly, act: cutSelection },
    ...when(acted.length > 0, {
      label: 'Add frame around selection',
      icon: 'comment',
      keys: 'G',
      disabled: readOnly,
      act: addFrame,
    }),
    { label: 'Zoom to selection', icon: 'search', keys: 'Z', act: () => canvasControl().zoomToSelection() },
    ...many,
    ...(frames.length > 0 ? (['line', 'colours'] as const) : []),
    'line',
    { label: 'Delete', icon: 'trash', keys: 'Delete', disabled: readOnly, act: deleteSelection },
  ];
}

/** "Connect to…" for the first port that is worth it: an output, or else an input without a wire. */
export function openConnect(id: string, at: { x: number; y: number }): void {
  const node = studio().nodes.find((other) => other.id === id);
  if (node?.type !== 'weft') return;
  const port =
    node.data.face.ports.find((place) => place.side === 'left' && !node.data.wired.includes(place.name)) ??
    node.data.face.ports.find((place) => place.side === 'right') ??
    node.data.face.ports[0];
  if (!port) return;
  useStudio.setState({ popup: { kind: 'connect', at, from: { node: id, port: port.name, side: port.side } } });
}
