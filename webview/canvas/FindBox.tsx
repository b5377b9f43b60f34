import { type KeyboardEvent, useEffect, useRef, useState } from 'react';
import { select } from '../model/actions/selection';
import { canvasControl } from '../model/control';
import { FRAME_PREFIX } from '../model/flow';
import { canvasCovered } from '../model/page';
import { announce, studio, useStudio } from '../model/store';
import { readable } from '../model/words';
import { Tool } from '../ui/Icon';
import { found } from './found';

/** Ctrl+F anywhere on the page opens the search, while the graph is what is shown. */
export function FindLayer() {
  const finding = useStudio((state) => state.finding);
  useEffect(() => {
    // Above the page's own handlers and below the window, where VS Code listens for keys of its own.
    const onKey = (event: globalThis.KeyboardEvent) => {
      const wanted = (event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey && event.key === 'f';
      if (!wanted || canvasCovered(studio().page) || document.querySelector('dialog[open]')) return;
      event.preventDefault();
      event.stopPropagation();
      useStudio.setState({ finding: true, popup: undefined });
      document.querySelector<HTMLInputElement>('.find-box input')?.select();
    };
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, []);
  return finding ? <FindBox /> : null;
}

/** Finds nodes by name, type and values; the match is the selection. */
function FindBox() {
  const [query, setQuery] = useState('');
  const nodes = useStudio((state) => state.nodes);
  const selection = useStudio((state) => state.page.selection);
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.focus(), []);
  const matches = found(nodes, query);
  const at = selection.length === 1 ? matches.indexOf(selection[0] ?? '') : -1;
  const count =
    query.trim() === ''
      ? ''
      : matches.length === 0
        ? 'Nothing found'
        : at < 0
          ? `${matches.length} found`
          : `${at + 1} of ${matches.length}`;
  const type = (text: string) => {
    setQuery(text);
    const next = found(studio().nodes, text);
    const [first] = next;
    if (first === undefined) {
      if (text.trim() !== '') announce('Nothing found.');
    } else if (!next.includes(studio().page.selection[0] ?? '')) goTo(first, next);
    else announce(place(studio().page.selection[0] ?? '', next));
  };
  const step = (by: 1 | -1) => {
    const next = matches[at < 0 ? (by > 0 ? 0 : matches.length - 1) : (at + by + matches.length) % matches.length];
    if (next !== undefined) goTo(next, matches);
  };
  const close = () => {
    useStudio.setState({ finding: false });
    const [id] = studio().page.selection;
    if (id === undefined) canvasControl().focusCanvas();
    else canvasControl().focusNode(id);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === 'Escape') close();
    else if (event.key === 'Enter' && event.target === field.current) step(event.shiftKey ? -1 : 1);
    else {
      // Keys of the canvas are letters here; those with Ctrl go on.
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <div className="find-box" role="search" aria-label="Find nodes" data-testid="find" onKeyDown={onKeyDown}>
      <input
        ref={field}
        className="field"
        type="text"
        aria-label="Find a node by name, type or value"
        placeholder="Find a node…"
        autoComplete="off"
        spellCheck={false}
        value={query}
        onChange={(event) => type(event.target.value)}
      />
      <span className="find-count" data-testid="find-count">
        {count}
      </span>
      <Tool
        icon="arrow-up"
        label="Previous match"
        keys="Shift+Enter"
        disabled={matches.length === 0}
        onClick={() => step(-1)}
      />
      <Tool icon="arrow-down" label="Next match" keys="Enter" disabled={matches.length === 0} onClick={() => step(1)} />
      <Tool icon="close" label="Close the search" keys="Escape" onClick={close} />
    </div>
  );
}

function goTo(id: string, matches: readonly string[]): void {
  select([id]);
  canvasControl().bringIntoView(id);
  announce(place(id, matches));
}

function place(id: string, matches: readonly string[]): string {
  const name = id.startsWith(FRAME_PREFIX) ? 'Comment frame' : readable(id);
  return `${name}, ${matches.indexOf(id) + 1} of ${matches.length}`;
}
