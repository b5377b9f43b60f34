import { expect, it } from 'vitest';
import { galleryHtml } from '../../../../extension/host/views/gallery';

const page = (label: string, args: unknown[] = []): string =>
  galleryHtml('https://host.example', {
    title: 'Results',
    cards: [{ label, command: 'weft.history.open', args, image: 'https://host.example/a.png' }],
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
