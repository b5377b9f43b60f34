/**
 * The inspector and the timeline beside the canvas. In a narrow or low editor they give way: there the inspector lies over the canvas
 * while something is selected, and the timeline comes when it is asked for.
 */
import { setPage } from './page';
import { studio, type StudioState, useStudio } from './store';

/** Sizes of the page, in pixels, below which they give way: 60 % of it are left for the canvas. */
const NARROW = '(max-width: 759px)';
const LOW = '(max-height: 479px)';

export const inspectorShown = ({ room, asked, page }: StudioState): boolean =>
  page.inspectorOpen && (!room.narrow || asked.inspector);
export const timelineShown = ({ room, asked, page }: StudioState): boolean =>
  page.timelineOpen && (!room.low || asked.timeline);

export function showInspector(on: boolean): void {
  useStudio.setState(({ asked }) => ({ asked: { ...asked, inspector: on } }));
  // Where it gives way by itself, closing it says nothing about wider windows.
  if (on || !studio().room.narrow) setPage({ inspectorOpen: on });
}

export function showTimeline(on: boolean): void {
  useStudio.setState(({ asked }) => ({ asked: { ...asked, timeline: on } }));
  if (on || !studio().room.low) setPage({ timelineOpen: on });
}

/** Follows the size of the page and, where the inspector gives way, what is selected. */
export function watchRoom(): void {
  const [narrow, low] = [window.matchMedia(NARROW), window.matchMedia(LOW)];
  const measure = (): void =>
    useStudio.setState({
      room: { narrow: narrow.matches, low: low.matches },
      asked: { inspector: false, timeline: false },
    });
  measure();
  for (const query of [narrow, low]) query.addEventListener('change', measure);
  useStudio.subscribe((state, before) => {
    const { selection } = state.page;
    if (!state.room.narrow || selection === before.page.selection) return;
    const inspector = selection.length > 0;
    if (inspector !== state.asked.inspector) useStudio.setState({ asked: { ...state.asked, inspector } });
  });
}
