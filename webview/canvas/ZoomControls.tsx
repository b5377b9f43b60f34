import { Panel, useStore } from '@xyflow/react';
import { Tool } from '../ui/Icon';
import { canvasControl } from '../model/control';

/** Zoom in words and buttons, at the canvas's lower left. */
export function ZoomControls() {
  const percent = useStore((state) => Math.round(state.transform[2] * 100));
  return (
    <Panel position="bottom-left" className="zoom-controls">
      <Tool icon="zoom-out" label="Zoom out" keys="-" onClick={() => canvasControl().zoom(1 / 1.2)} />
      <button
        type="button"
        className="tool zoom-level"
        title="Zoom to 100 %"
        aria-label={`Zoom ${percent} per cent; set to 100`}
        onClick={() => canvasControl().zoom(0)}
      >
        {percent} %
      </button>
      <Tool icon="zoom-in" label="Zoom in" keys="+" onClick={() => canvasControl().zoom(1.2)} />
      <Tool icon="screen-full" label="Fit the graph" keys="F" onClick={() => canvasControl().fit()} />
    </Panel>
  );
}
