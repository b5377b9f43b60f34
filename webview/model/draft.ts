import { postToHost } from './host';
import { setPage } from './page';
import { run } from './running';
import { studio } from './store';

/** From now on the graph runs with its checkpoint's draft schedule, or no longer. The result of the other stays beside it. */
export function toggleDraft(): void {
  const { page } = studio();
  const draft = !page.draft;
  setPage({ draft });
  postToHost({ type: 'draft', on: draft });
  if (page.autoRun) run();
}

/** Tells the host, which forgets, what a restored page shows. */
export function restoreDraft(): void {
  postToHost({ type: 'draft', on: studio().page.draft });
}
