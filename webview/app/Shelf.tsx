import { type KeyboardEvent, useEffect, useRef, useState } from 'react';
import { addImage } from '../model/actions/nodes';
import { IMAGE_TYPE } from '../model/drops';
import { postToHost } from '../model/host';
import { setPage } from '../model/page';
import { useStudio } from '../model/store';
import { Tool } from '../ui/Icon';

/** More than anybody looks through; the Explorer has the others. */
const MOST = 300;

/** The workspace's images above the canvas: drag one onto it, or press Enter. One stop of the Tab key; arrow keys go along. */
export function Shelf() {
  const pictures = useStudio((state) => state.pictures);
  const readOnly = useStudio((state) => state.readOnly);
  const list = useRef<HTMLDivElement>(null);
  const [at, setAt] = useState(0);
  const asked = pictures !== undefined;
  useEffect(() => {
    if (!asked) postToHost({ type: 'requestPictures' });
  }, [asked]);
  const shown = pictures?.slice(0, MOST) ?? [];
  const current = Math.min(at, shown.length - 1);
  const go = (to: number) => {
    setAt(to);
    list.current?.querySelectorAll('button')[to]?.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const last = shown.length - 1;
    const places: Record<string, number> = {
      ArrowRight: Math.min(last, current + 1),
      ArrowLeft: Math.max(0, current - 1),
      Home: 0,
      End: last,
    };
    const to = places[event.key];
    if (to === undefined) return;
    event.preventDefault();
    go(to);
  };
  return (
    <section className="shelf" aria-label="Images of the workspace" data-testid="shelf">
      {shown.length === 0 ? (
        <p className="muted-text">
          {asked
            ? 'The workspace has no images. Copy some into its folder, or paste one with Ctrl+V.'
            : 'Looking for images…'}
        </p>
      ) : (
        <div className="shelf-list" role="group" aria-label="Images" ref={list} onKeyDown={onKeyDown}>
          {shown.map((picture, index) => (
            <button
              key={picture.path}
              type="button"
              className="thumbnail"
              title={`${picture.path}: drag it onto the canvas, or press Enter`}
              aria-label={`Add ${picture.path}`}
              tabIndex={index === current ? 0 : -1}
              disabled={readOnly}
              draggable={!readOnly}
              onDragStart={(event) => {
                event.dataTransfer.setData(IMAGE_TYPE, picture.path);
                event.dataTransfer.effectAllowed = 'copy';
              }}
              onFocus={() => setAt(index)}
              onClick={() => addImage(picture.path)}
            >
              <img src={picture.uri} alt="" loading="lazy" decoding="async" draggable={false} />
              <span>{picture.name}</span>
            </button>
          ))}
        </div>
      )}
      <Tool icon="close" label="Hide the images" onClick={() => setPage({ shelfOpen: false })} />
    </section>
  );
}
