import { type Rect } from './geometry';
import { type Wire } from './wires';

/** What the rest of the page may ask of the canvas; the canvas registers itself when it is there. */
export interface CanvasControl {
  fit(): void;
  zoomToSelection(): void;
  bringIntoView(id: string): void;
  focusNode(id: string): void;
  focusPoint(wire: string, index: number): void;
  focusCanvas(): void;
  /** `into`: for a node that goes into this wire. */
  openAddMenu(into?: Wire): void;
  /** By a factor; 0: to 100 %. */
  zoom(factor: number): void;
  /** The part of the canvas in view, in flow coordinates. */
  visibleRect(): Rect;
}

const nothing = () => undefined;
const absent: CanvasControl = {
  fit: nothing,
  zoomToSelection: nothing,
  bringIntoView: nothing,
  focusNode: nothing,
  focusPoint: nothing,
  focusCanvas: nothing,
  openAddMenu: nothing,
  zoom: nothing,
  visibleRect: () => ({ x: 0, y: 0, width: 0, height: 0 }),
};

let present = absent;

export function canvasControl(): CanvasControl {
  return present;
}

export function setCanvasControl(control: CanvasControl | undefined): void {
  present = control ?? absent;
}
