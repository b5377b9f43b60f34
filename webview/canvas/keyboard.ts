import { inspectSelection, matchSelection } from '../model/inspection';
import { type KeyboardEvent } from 'react';
import { addFrame } from '../model/actions/frames';
import { deleteSelection, duplicateSelection, startRename, toggleFold, toggleMute } from '../model/actions/nodes';
import { boxes, nudge, tidy } from '../model/actions/places';
import { addPointMidway } from '../model/actions/points';
import { focusField, select, selectAll, selected, selectedWire, selectNextWire } from '../model/actions/selection';
import { disconnect } from '../model/actions/wires';
import { type Point } from '../model/geometry';
import { openStage } from '../model/stage';
import { studio, useStudio } from '../model/store';
import { openConnect } from './ContextMenu';
import { canvasControl } from '../model/control';
import { type Direction, neighbour, readingOrder } from './neighbours';

const ARROWS: Record<string, Direction> = { ArrowLeft: 'left', ArrowRight: 'right', ArrowUp: 'up', ArrowDown: 'down' };
const GRID = 20;

/** Whether keys belong to a field of text or numbers. */
export function isField(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.matches('input, select, textarea, [role=slider], [contenteditable]');
}

/** Keys of the canvas. Undo, redo, save and every other key it does not name go on to VS Code. */
export function onCanvasKey(event: KeyboardEvent, menuAt: () => { x: number; y: number }): void {
  if (isField(event.target)) return;
  const act = actionOf(event, menuAt);
  if (!act) return;
  event.preventDefault();
  event.stopPropagation();
  act();
}

function actionOf(event: KeyboardEvent, menuAt: () => { x: number; y: number }): (() => void) | undefined {
  const { key, shiftKey, altKey } = event;
  const command = event.ctrlKey || event.metaKey;
  if (altKey) return undefined;
  if (command) {
    if (key === 'a') return selectAll;
    if (key === 'd') return duplicateSelection;
    return undefined;
  }
  const [direction, step] = [ARROWS[key], stepOf(key)];
  if (direction && step) return shiftKey ? () => nudge(step) : () => goTo(direction);
  // Buttons inside a node keep their own Enter and Space.
  const onButton = event.target instanceof HTMLElement && event.target.closest('button') !== null;
  switch (key) {
    case 'Enter':
      return onButton ? undefined : () => focusField();
    case 'Delete':
    case 'Backspace':
      return deleteAny;
    case 'Tab': {
      // Behind everything on the nodes, the points of the selected wire would be far away.
      const point = document.querySelector<HTMLElement>('.wire-point.selected');
      return point && !shiftKey && event.target === event.currentTarget ? () => point.focus() : undefined;
    }
    case 'F2':
      return () => startRename();
    case 'Escape':
      return studio().page.selection.length > 0 || studio().edges.some((edge) => edge.selected)
        ? selectNothing
        : undefined;
    case '?':
      return () => useStudio.setState({ keysOpen: true });
    case 'Home':
      return () => goAlong('first');
    case 'End':
      return () => goAlong('last');
    case 'PageDown':
      return () => goAlong(1);
    case 'PageUp':
      return () => goAlong(-1);
    case 'ContextMenu':
      return () => openMenu(menuAt());
    case 'F10':
      return shiftKey ? () => openMenu(menuAt()) : undefined;
    case 'Insert':
    case 'n':
    case 'N':
      return () => canvasControl().openAddMenu(selectedWire()?.data?.wire);
    case 'c':
    case 'C': {
      const id = selected().nodes[0];
      return id === undefined ? undefined : () => openConnect(id, menuAt());
    }
    case 'e':
    case 'E':
      return () => toggleFold();
    case 'f':
    case 'F':
      return () => canvasControl().fit();
    case 'g':
    case 'G':
      return addFrame;
    case 'i':
    case 'I':
      return inspectSelection;
    case 'm':
    case 'M':
      return () => toggleMute();
    case 'p':
    case 'P':
      return matchSelection;
    case 'r':
    case 'R': {
      const wire = selectedWire()?.data?.wire;
      return wire && (() => addPointMidway(wire));
    }
    case 't':
    case 'T':
      return tidy;
    case 'v':
    case 'V': {
      const id = selected().nodes[0];
      return id === undefined ? undefined : () => openStage(id);
    }
    case 'w':
    case 'W':
      return selectNextWire;
    case 'z':
    case 'Z':
      return () => canvasControl().zoomToSelection();
    case '+':
    case '=':
      return () => canvasControl().zoom(1.2);
    case '-':
      return () => canvasControl().zoom(1 / 1.2);
    default:
      return undefined;
  }
}

/** The focus goes from the node to the canvas: its ring would look like a selection. */
function selectNothing(): void {
  select([]);
  canvasControl().focusCanvas();
}

function deleteAny(): void {
  if (studio().page.selection.length > 0) return deleteSelection();
  const wires = studio().edges.flatMap((edge) => (edge.selected ? (edge.data?.wire ?? []) : []));
  if (wires.length > 0) disconnect(wires);
}

/** How far an arrow key moves something; undefined for another key. */
export function stepOf(key: string): Point | undefined {
  const direction = ARROWS[key];
  if (!direction) return undefined;
  const step = studio().settings.snapToGrid ? GRID : 10;
  return {
    x: direction === 'left' ? -step : direction === 'right' ? step : 0,
    y: direction === 'up' ? -step : direction === 'down' ? step : 0,
  };
}

function goTo(direction: Direction): void {
  const wire = selectedWire();
  if (wire && direction === 'left') return goToNode(wire.source);
  if (wire && direction === 'right') return goToNode(wire.target);
  const all = boxes();
  const from = all.find((box) => box.id === studio().page.selection[0]);
  if (!from) return goAlong('first');
  const next = neighbour(
    from,
    all.filter((box) => box.id !== from.id),
    direction,
  );
  if (next !== undefined) goToNode(next);
}

function goAlong(where: 'first' | 'last' | 1 | -1): void {
  const order = readingOrder(boxes());
  if (order.length === 0) return;
  const at = order.indexOf(studio().page.selection[0] ?? '');
  const index =
    where === 'first' ? 0 : where === 'last' ? order.length - 1 : Math.min(order.length - 1, Math.max(0, at + where));
  const next = order[index];
  if (next !== undefined) goToNode(next);
}

function goToNode(id: string): void {
  select([id]);
  canvasControl().bringIntoView(id);
  canvasControl().focusNode(id);
}

function openMenu(at: { x: number; y: number }): void {
  const target = studio().page.selection.length > 0 ? 'nodes' : 'canvas';
  useStudio.setState({ popup: { kind: 'menu', at, flow: at, target } });
}
