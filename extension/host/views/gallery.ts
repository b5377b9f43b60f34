import { randomBytes } from 'node:crypto';
import { htmlText } from '../../protocol/foreignText';

/*
 * A grid of images as a page without a script: a click or Enter on a card is a link to a command. VS Code's own lists show images at
 * 16 pixels, where nobody tells one result from another.
 */

/** A command of this extension with its arguments. */
export interface CommandLink {
  label: string;
  command: string;
  args?: readonly unknown[];
}

export interface Card extends CommandLink {
  /** Address of the image as the page loads it. */
  image: string;
  detail?: string;
}

export interface Gallery {
  title: string;
  /** Shows above the cards. */
  text?: string;
  /** Behind the text. */
  link?: CommandLink;
  cards: readonly Card[];
}

export function galleryHtml(cspSource: string, { title, text, link, cards }: Gallery): string {
  const nonce = randomBytes(24).toString('base64url');
  const csp = `default-src 'none'; img-src ${cspSource}; style-src 'nonce-${nonce}'`;
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${csp}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${htmlText(title)}</title>
<style nonce="${nonce}">${STYLE}</style>
</head>
<body data-vscode-context='{"preventDefaultContextMenuItems":true}'>
<main aria-label="${htmlText(title)}">
${text === undefined ? '' : `<p>${htmlText(text)} ${link === undefined ? '' : linkHtml(link)}</p>`}
<ul>${cards.map(cardHtml).join('\n')}</ul>
</main>
</body>
</html>`;
}

function cardHtml(card: Card): string {
  const { image, label, detail } = card;
  const said = detail === undefined ? '' : `<span class="detail">${htmlText(detail)}</span>`;
  return `<li><a class="card" href="${htmlText(commandUri(card))}"><img src="${htmlText(image)}" alt=""><span class="label">${htmlText(label)}</span>${said}</a></li>`;
}

const linkHtml = (link: CommandLink): string =>
  `<a class="link" href="${htmlText(commandUri(link))}">${htmlText(link.label)}</a>`;

const commandUri = ({ command, args = [] }: CommandLink): string =>
  `command:${command}?${encodeURIComponent(JSON.stringify(args))}`;

const STYLE = `
body { padding: 8px 12px 16px; color: var(--vscode-foreground); font: var(--vscode-font-size) var(--vscode-font-family); }
main { max-width: 1100px; margin: 0 auto; }
p { margin: 0 0 12px; line-height: 1.4; }
ul { display: grid; grid-template-columns: repeat(auto-fill, minmax(240px, 1fr)); gap: 16px; margin: 0; padding: 0; list-style: none; }
li { min-width: 0; }
a { color: var(--vscode-textLink-foreground); text-decoration: none; }
a:focus-visible { outline: 1px solid var(--vscode-focusBorder); outline-offset: -1px; }
.card { display: block; padding: 4px; border-radius: 4px; color: inherit; border: 1px solid var(--vscode-contrastBorder, transparent); }
.card:hover { color: inherit; background: var(--vscode-list-hoverBackground); border-color: var(--vscode-contrastActiveBorder, transparent); }
img { display: block; width: 100%; aspect-ratio: 1; object-fit: contain; border-radius: 2px; }
.label, .detail { display: block; margin-top: 4px; overflow-wrap: anywhere; }
.detail { font-size: 0.9em; color: var(--vscode-descriptionForeground); }
.link:hover { text-decoration: underline; }
`;
