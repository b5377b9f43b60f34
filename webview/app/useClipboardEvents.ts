import { useEffect } from 'react';
import { copyText, paste, pasteImage } from '../model/actions/clipboard';
import { deleteSelection } from '../model/actions/nodes';
import { isField } from '../canvas/keyboard';
import { studio } from '../model/store';

/**
 * Copy, cut and paste by key arrive as the page's own clipboard events, in a browser and in the desktop program alike, and need
 * no permission. Menus and commands go through the host instead.
 */
export function useClipboardEvents(): void {
  useEffect(() => {
    const ours = (event: Event) => !isField(event.target) && !window.getSelection()?.toString();
    // Without this Chromium offers `copy` only where text is selected.
    const offer = (event: Event) => {
      if (ours(event) && studio().page.selection.length > 0) event.preventDefault();
    };
    const copy = (event: ClipboardEvent) => {
      const text = ours(event) ? copyText() : undefined;
      if (text === undefined) return;
      event.clipboardData?.setData('text/plain', text);
      event.preventDefault();
      if (event.type === 'cut' && !studio().readOnly) deleteSelection();
    };
    const onPaste = (event: ClipboardEvent) => {
      const text = event.clipboardData?.getData('text/plain');
      const image = [...(event.clipboardData?.files ?? [])].find(({ type }) => type.startsWith('image/'));
      if (!ours(event) || !(text || image) || !studio().graph) return;
      event.preventDefault();
      if (text) paste(text);
      else if (image) void pasteImage(image);
    };
    document.addEventListener('beforecopy', offer);
    document.addEventListener('beforecut', offer);
    document.addEventListener('copy', copy);
    document.addEventListener('cut', copy);
    document.addEventListener('paste', onPaste);
    return () => {
      document.removeEventListener('beforecopy', offer);
      document.removeEventListener('beforecut', offer);
      document.removeEventListener('copy', copy);
      document.removeEventListener('cut', copy);
      document.removeEventListener('paste', onPaste);
    };
  }, []);
}
