/** Size that a menu may take, to keep it inside the canvas. */
const POPUP = { width: 330, height: 390 };

/** Where a popup opens so that it is not cut at the canvas's right and lower edge. */
export function popupPlace(
  wanted: { x: number; y: number },
  canvas: { width: number; height: number } | undefined,
): { x: number; y: number } {
  if (!canvas) return wanted;
  return {
    x: Math.max(4, Math.min(wanted.x, canvas.width - POPUP.width)),
    y: Math.max(4, Math.min(wanted.y, canvas.height - POPUP.height)),
  };
}
