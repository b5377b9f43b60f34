/** A swap's pins as the page shows them, and their edits. */
import { useMemo } from 'react';
import { MOST_PINS, type Pin, pinsFault, pinsOf, writtenPins } from '../../extension/graph';
import { inputParam, setParams } from '../model/actions/params';
import { announce, studio, type StudioState, toast, useStudio } from '../model/store';
import { type End, type PinCircle, withMuted, without } from './pins';
import { useAttention } from './store';

const valueOf = ({ graph, sliding }: StudioState, swap: string | undefined): unknown => {
  if (swap === undefined) return undefined;
  return sliding?.id === swap && sliding.param === 'pins' ? sliding.value : graph?.nodes[swap]?.params?.['pins'];
};

/** With what is being dragged. */
export function usePins(swap: string | undefined): readonly Pin[] {
  const value = useStudio((state) => valueOf(state, swap));
  return useMemo(() => pinsOf(value), [value]);
}

/** The same at this moment: keys may come faster than the page draws. */
export const pinsNow = (swap: string): readonly Pin[] => pinsOf(valueOf(studio(), swap));

/** Why the pins can't be changed, as a toast; true where they can. */
export function mayEdit(swap: string, more = 0): boolean {
  const { readOnly, reason, graph } = studio();
  const value = graph?.nodes[swap]?.params?.['pins'] ?? [];
  const fault = pinsFault(value);
  const refused = readOnly
    ? (reason ?? 'This file is read-only.')
    : fault !== undefined
      ? `pins of ${swap}${fault}`
      : pinsOf(value).length + more > MOST_PINS
        ? `${swap} has ${MOST_PINS} pins, and can have no more. Delete one first.`
        : undefined;
  if (refused !== undefined) toast(refused, 'info');
  return refused === undefined;
}

/** Shows pins that are being dragged; with Auto-run the result follows. The document stays as it is. */
export function slidePins(swap: string, pins: readonly Pin[], index: number): void {
  useStudio.setState({ sliding: { id: swap, param: 'pins', value: writtenPins(pins) } });
  useAttention.setState({ dragging: index });
}

/** What is dragged goes back to where it was; false when nothing is. */
export function cancelDrag(): boolean {
  if (useAttention.getState().dragging === undefined) return false;
  useAttention.setState({ dragging: undefined });
  useStudio.setState({ sliding: undefined });
  return true;
}

/** One step of undo. */
export function writePins(swap: string, pins: readonly Pin[], label: string): void {
  cancelDrag();
  setParams(swap, { pins }, label);
}

/** For keys and the wheel, which come in bursts: a burst is one step of undo. */
export function nudgePins(swap: string, pins: readonly Pin[]): void {
  inputParam(swap, 'pins', writtenPins(pins), true);
}

export function mutePin(swap: string, pins: readonly Pin[], index: number): void {
  const muted = !pins[index]?.muted;
  writePins(swap, withMuted(pins, index), `${muted ? 'Mute' : 'Unmute'} pin ${index + 1}`);
  announce(`Pin ${index + 1} ${muted ? 'muted' : 'unmuted'}.`);
}

export function deletePin(swap: string, pins: readonly Pin[], index: number, end: End): void {
  writePins(swap, without(pins, index), `Delete pin ${index + 1}`);
  announce(`Deleted pin ${index + 1}.`);
  focusCircle({ index: Math.min(index, pins.length - 2), end });
}

/** Goes to a pin's circle once it shows; without pins to the output. */
export function focusCircle({ index, end }: PinCircle): void {
  window.requestAnimationFrame(() => {
    const circle = document.querySelector<HTMLElement>(`[data-testid="pin-${index + 1}-${end}"]`);
    (circle ?? document.querySelector<HTMLElement>('[data-testid="inspect-output"]'))?.focus();
  });
}
