import { type DragEvent, useState } from 'react';

/** Handlers for an element on which files may be dropped, and whether one hangs over it. */
export function useDropTarget(
  enabled: boolean,
  accepts: (data: DataTransfer) => boolean,
  onDrop: (data: DataTransfer) => void,
): { over: boolean; handlers: Record<'onDragOver' | 'onDragLeave' | 'onDrop', (event: DragEvent) => void> } {
  const [over, setOver] = useState(false);
  return {
    over,
    handlers: {
      onDragOver: (event) => {
        if (!enabled || !accepts(event.dataTransfer)) return;
        event.preventDefault();
        event.stopPropagation();
        setOver(true);
      },
      onDragLeave: () => setOver(false),
      onDrop: (event) => {
        setOver(false);
        if (!enabled || !accepts(event.dataTransfer)) return;
        event.preventDefault();
        event.stopPropagation();
        onDrop(event.dataTransfer);
      },
    },
  };
}
