import { postToHost } from '../model/host';
import { useStudio } from '../model/store';

/** Reports, once each, when the page was first painted and when the graph stood on it; in ms since the page began to load. */
export function watchMilestones(): void {
  afterPaint(() => postToHost({ type: 'milestone', name: 'first-paint', ms: Math.round(performance.now()) }));
  const stop = useStudio.subscribe((state) => {
    if (state.synced === undefined) return;
    stop();
    afterPaint(() => postToHost({ type: 'milestone', name: 'graph-shown', ms: Math.round(performance.now()) }));
  });
  window.addEventListener('error', (event) => report(event.message));
  window.addEventListener('unhandledrejection', (event) => report(String(event.reason)));
  document.addEventListener('securitypolicyviolation', (event) =>
    report(`Content security policy: ${event.violatedDirective} ${event.blockedURI}`),
  );
}

function report(message: string): void {
  postToHost({ type: 'log', level: 'error', message });
}

/** After the frame that is being prepared has reached the screen. */
function afterPaint(callback: () => void): void {
  window.requestAnimationFrame(() => window.setTimeout(callback, 0));
}
