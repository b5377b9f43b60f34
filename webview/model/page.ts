import { type PageState, storePageState } from './pageState';
import { useStudio, studio } from './store';

/** Whether something else is shown in place of the canvas. */
export const canvasCovered = ({ inspecting, masking, matching, viewing }: PageState): boolean =>
  [inspecting, masking, matching, viewing].some((node) => node !== undefined);

/** Changes what a restored page comes back to, and stores it. */
export function setPage(change: Partial<PageState>): void {
  useStudio.setState((state) => ({ page: { ...state.page, ...change } }));
  storePageState(studio().page);
}

export function setTimeline(change: Partial<PageState['timeline']>): void {
  setPage({ timeline: { ...studio().page.timeline, ...change } });
}
