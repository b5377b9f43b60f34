import { type PageState, storePageState } from './pageState';
import { useStudio, studio } from './store';

/** Whether something else is shown in place of the canvas. */
export const canvasCovered = ({ inspecting, masking, viewing }: PageState): boolean =>
  inspecting !== undefined || masking !== undefined || viewing !== undefined;

/** Changes what a restored page comes back to, and stores it. */
export function setPage(change: Partial<PageState>): void {
  useStudio.setState((state) => ({ page: { ...state.page, ...change } }));
  storePageState(studio().page);
}

export function setTimeline(change: Partial<PageState['timeline']>): void {
  setPage({ timeline: { ...studio().page.timeline, ...change } });
}
