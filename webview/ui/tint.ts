import { type NodeSpec, type PortType } from '../../extension/graph';

/** The colour of what a port carries; one custom property a type, from the theme. */
export function typeColour(type: PortType | undefined): string {
  return type ? `var(--weft-type-${type})` : 'var(--weft-type-unknown)';
}

/** Its shape, so that types can be told apart without colour. */
export function typeShape(type: PortType | undefined): string {
  return type ? `var(--weft-shape-${type}, var(--weft-shape-unknown))` : 'var(--weft-shape-unknown)';
}

/** A node's colour, where it is drawn as a plain box: that of what it gives, or of what it takes. */
export function tintOf(spec: NodeSpec | undefined): string {
  return typeColour(spec?.outputs[0]?.type ?? spec?.inputs[0]?.types[0]);
}
