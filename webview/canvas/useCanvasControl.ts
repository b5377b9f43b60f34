import { useEffect } from 'react';
import { type ReactFlowInstance } from '@xyflow/react';
import { canvasControl, setCanvasControl } from '../model/control';
import { type StudioEdge, type StudioNode } from '../model/flow';
import { setPage } from '../model/page';
import { studio, useStudio } from '../model/store';
import { popupPlace } from './popupPlace';
import { middleOf } from './wireUnder';

// Room below for the zoom buttons.
export const fitOptions = {
  padding: { top: '24px', right: '28px', bottom: '60px', left: '28px' },
  maxZoom: 1,
} as const;

/** What the rest of the page may ask of the canvas. `follows` is true while the view was chosen by nobody. */
export function useCanvasControl(
  container: React.RefObject<HTMLDivElement | null>,
  flow: ReactFlowInstance<StudioNode, StudioEdge>,
  follows: React.RefObject<boolean>,
) {
  useEffect(() => {
    const box = () => container.current?.getBoundingClientRect() ?? new DOMRect();
    /** How much of it lies under the inspector, in a narrow editor. */
    const covered = () => {
      const over = document.querySelector('.inspector-place.over')?.getBoundingClientRect();
      return over ? Math.max(0, box().right - over.left) : 0;
    };
    const visibleRect = () => {
      const { left, top, bottom } = box();
      const right = box().right - covered();
      const start = flow.screenToFlowPosition({ x: left, y: top }, { snapToGrid: false });
      const end = flow.screenToFlowPosition({ x: right, y: bottom }, { snapToGrid: false });
      return { x: start.x, y: start.y, width: end.x - start.x, height: end.y - start.y };
    };
    let wanted: string | undefined;
    const focusOn = (selector: string) => {
      const before = document.activeElement;
      wanted = selector;
      const focus = () => {
        // A field or a menu that was opened meanwhile keeps the focus, and a later wish counts alone.
        const free = [before, document.body, container.current].includes(document.activeElement);
        if (wanted !== selector || !free) return;
        container.current?.querySelector<HTMLElement>(selector)?.focus({ preventScroll: true });
      };
      // What was just added or scrolled to is in the page after the next paint.
      window.requestAnimationFrame(() => window.requestAnimationFrame(focus));
    };
    setCanvasControl({
      fit: () => {
        follows.current = true;
        setPage({ viewport: undefined });
        void flow.fitView(fitOptions);
      },
      zoomToSelection: () => {
        follows.current = false;
        const chosen = studio().nodes.filter((node) => node.selected);
        const right = covered();
        const padding = right === 0 ? 0.15 : ({ x: '20px', y: 0.15, right: `${right + 20}px` } as const);
        void flow.fitView({ nodes: chosen.length > 0 ? chosen : studio().nodes, padding, maxZoom: 1.5 });
      },
      bringIntoView: (id) => {
        const node = studio().nodes.find((other) => other.id === id);
        if (!node) return;
        const view = visibleRect();
        const { x, y } = node.position;
        const { width = 0, height = 0 } = node;
        const inside =
          x >= view.x && y >= view.y && x + width <= view.x + view.width && y + height <= view.y + view.height;
        if (inside) return;
        follows.current = false;
        const zoom = flow.getZoom();
        void flow.setCenter(x + width / 2 + covered() / 2 / zoom, y + height / 2, { zoom });
      },
      focusNode: (id) => focusOn(`.react-flow__node[data-id="${CSS.escape(id)}"]`),
      focusPoint: (wire, index) => focusOn(`.wire-point[data-wire="${CSS.escape(wire)}"][data-index="${index}"]`),
      focusCanvas: () => {
        wanted = undefined;
        container.current?.focus({ preventScroll: true });
      },
      zoom: (factor) => {
        follows.current = false;
        void flow.zoomTo(factor === 0 ? 1 : flow.getZoom() * factor);
      },
      openAddMenu: (into) => {
        if (studio().readOnly) return;
        const view = visibleRect();
        const { width, height } = box();
        const at = popupPlace({ x: width / 2 - 160, y: height / 4 }, { width, height });
        const middle = into && middleOf(into, studio().nodes);
        const flowAt = middle ?? { x: view.x + view.width / 2, y: view.y + view.height / 3 };
        useStudio.setState({ popup: { kind: 'add', at, flow: flowAt, ...(into ? { into } : {}) } });
      },
      visibleRect,
    });
    return () => setCanvasControl(undefined);
  }, [container, flow, follows]);
}

/** The first view stays a whole view when panes open and close, until somebody moves it. */
export function useFitWhileUntouched(
  container: React.RefObject<HTMLDivElement | null>,
  follows: React.RefObject<boolean>,
) {
  useEffect(() => {
    if (!container.current) return;
    const observer = new ResizeObserver(() => follows.current && canvasControl().fit());
    observer.observe(container.current);
    return () => observer.disconnect();
  }, [container, follows]);
}
