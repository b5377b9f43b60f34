import { useEffect } from 'react';

/**
 * Escape leaves a view wherever the focus is, also where it is nowhere, as after a click on a button that then became disabled.
 * What has a use for the key itself (a menu, a list) keeps it by stopping the event; a dialog over the view is closed by it first.
 */
export function useEscape(leave: () => void): void {
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      if (event.key !== 'Escape' || event.defaultPrevented || document.querySelector('dialog[open]')) return;
      event.preventDefault();
      event.stopPropagation();
      leave();
    };
    document.addEventListener('keydown', onKeyDown);
    return () => document.removeEventListener('keydown', onKeyDown);
  }, [leave]);
}
