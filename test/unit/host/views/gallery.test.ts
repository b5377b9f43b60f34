import { expect, it } from 'vitest';
import { galleryHtml } from '../../../../extension/host/views/gallery';

const page = (label: string, args: unknown[] = []): string =>
  galleryHtml('https://host.example', {
    title: 'Results',
    groups: [{ cards: [{ label, command: 'weft.history.open', args, image: 'https://host.example/a.png' }] }],
  });

it('a card is a link to its command, with its arguments', () => {
  const [, href] = /<a class="card" href="([^"]+)"/.exec(page('One', [{ id: 'run-1', index: 0 }]))!;
  const [command, query] = href!.split('?');
  expect(command).toBe('command:weft.history.open');
  expect(JSON.parse(decodeURIComponent(query!))).toEqual([{ id: 'run-1', index: 0 }]);
});

it('names and titles are text, whatever they say', () => {
  const html = page('<img src=x onerror=alert(1)> " & \' \u202e', ['"><a href="command:weft.clearCache">']);
  expect(html.match(/<img/g)).toHaveLength(1);
  expect(html.match(/<a /g)).toHaveLength(1);
  expect(html).toContain('&#60;img src=x onerror=alert(1)&#62; &#34; &#38; &#39; ');
  expect(html).not.toContain('\u202e');
});

it('loads images of the extension’s own and runs no script', () => {
  expect(page('One')).toMatch(
    /content="default-src 'none'; img-src https:\/\/host\.example; style-src 'nonce-[\w-]+'"/,
  );
});

it('groups cards, leaves out groups that are empty, and says what is there in place of an image', () => {
  const card = { label: 'contrast 1 → 2', command: 'weft.history.open', tooltip: 'quick.weft.json\n"contrast"' };
  const html = galleryHtml('https://host.example', {
    title: 'Run History',
    groups: [
      { title: 'This workspace', cards: [{ ...card, instead: 'Copy removed', context: { id: '"><b>' } }] },
      { title: 'Other workspaces', cards: [] },
    ],
  });
  expect(html).toContain('<h2>This workspace</h2>');
  expect(html).not.toContain('Other workspaces');
  expect(html).toContain('<span class="instead">Copy removed</span>');
  expect(html).not.toMatch(/<img|<b>/);
  expect(html).toContain('title="quick.weft.json&#10;&#34;contrast&#34;"');
});

it('a card has other commands behind it, and tells its context menu what it is', () => {
  const html = galleryHtml('https://host.example', {
    title: 'Run History',
    groups: [
      {
        cards: [
          {
            label: 'One',
            command: 'weft.history.open',
            links: [{ label: 'Compare in Studio', command: 'weft.history.compare', args: [{ id: 'run-1' }] }],
            context: { webviewSection: 'run', id: 'run-1' },
          },
        ],
      },
    ],
  });
  const [, href, label] = /<a class="link" href="([^"]+)" aria-label="Compare in Studio: One">([^<]+)</.exec(html)!;
  expect(label).toBe('Compare in Studio');
  expect(JSON.parse(decodeURIComponent(href!.split('?')[1]!))).toEqual([{ id: 'run-1' }]);
  const [, context] = /<li data-vscode-context="([^"]+)"/.exec(html)!;
  expect(JSON.parse(context!.replaceAll('&#34;', '"'))).toEqual({ webviewSection: 'run', id: 'run-1' });
});
