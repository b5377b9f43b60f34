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
  /** Address of the image as the page loads it; absent: `instead` is shown in its place. */
  image?: string;
  instead?: string;
  detail?: string;
  /** Lines. */
  tooltip?: string;
  /** What else can be done with it. */
  links?: readonly CommandLink[];
  /** What its context menu's commands get, and are chosen by. */
  context?: Readonly<Record<string, string>>;
}

export interface CardGroup {
  title?: string;
  cards: readonly Card[];
}

export interface Gallery {
  title: string;
  /** Shows above the cards. */
  text?: string;
  /** Behind the text. */
  link?: CommandLink;
  groups: readonly CardGroup[];
}

export function galleryHtml(cspSource: string, { title, text, link, groups }: Gallery): string {
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
${groups
  .filter(({ cards }) => cards.length > 0)
  .map(groupHtml)
  .join('\n')}
</main>
</body>
</html>`;
}

const groupHtml = ({ title, cards }: CardGroup): string =>
  `${title === undefined ? '' : `<h2>${htmlText(title)}</h2>`}<ul>${cards.map(cardHtml).join('\n')}</ul>`;

function cardHtml(card: Card): string {
  const { image, instead = '', label, detail, tooltip, links = [], context } = card;
  const picture =
    image === undefined
      ? `<span class="instead">${htmlText(instead)}</span>`
      : `<img src="${htmlText(image)}" alt="" loading="lazy">`;
  const said = detail === undefined ? '' : `<span class="detail">${htmlText(detail)}</span>`;
  const told = tooltip === undefined ? '' : ` title="${tooltip.split('\n').map(htmlText).join('&#10;')}"`;
  const menu = context && ` data-vscode-context="${htmlText(JSON.stringify(context))}"`;
  const more =
    links.length === 0 ? '' : `<span class="links">${links.map((link) => linkHtml(link, label)).join(' ')}</span>`;
  return `<li${menu ?? ''}><a class="card" href="${htmlText(commandUri(card))}"${told}>${picture}<span class="label">${htmlText(label)}</span>${said}</a>${more}</li>`;
}

/** @param of what it acts on, where several links have one label */
const linkHtml = (link: CommandLink, of?: string): string => {
  const name = of === undefined ? '' : ` aria-label="${htmlText(`${link.label}: ${of}`)}"`;
  return `<a class="link" href="${htmlText(commandUri(link))}"${name}>${htmlText(link.label)}</a>`;
};

const commandUri = ({ command, args = [] }: CommandLink): string =>
  `command:${command}?${encodeURIComponent(JSON.stringify(args))}`;

const STYLE = `
body { padding: 8px 12px 16px; color: var(--vscode-foreground); font: var(--vscode-font-size) var(--vscode-font-family); }
main { max-width: 1100px; margin: 0 auto; }
p { margin: 0 0 12px; line-height: 1.4; }
ul { display: grid; grid-template-columns: repeat(auto-fill, minmax(240px, 1fr)); gap: 16px; margin: 0; padding: 0; list-style: none; }
li { display: flex; flex-direction: column; min-width: 0; }
a { color: var(--vscode-textLink-foreground); text-decoration: none; }
a:focus-visible { outline: 1px solid var(--vscode-focusBorder); outline-offset: -1px; }
/* As high as its neighbours. */
.card { flex: 1; padding: 4px; border-radius: 4px; color: inherit; border: 1px solid var(--vscode-contrastBorder, transparent); }
.card:hover { color: inherit; background: var(--vscode-list-hoverBackground); border-color: var(--vscode-contrastActiveBorder, transparent); }
img, .instead { display: block; width: 100%; aspect-ratio: 1; object-fit: contain; border-radius: 2px; }
.instead { display: grid; place-items: center; color: var(--vscode-descriptionForeground); border: 1px dashed var(--vscode-descriptionForeground); box-sizing: border-box; }
h2 { margin: 16px 0 8px; font-size: 1.1em; font-weight: 600; }
h2:first-child { margin-top: 0; }
.links { display: block; padding: 0 5px; }
.label, .detail { display: block; margin-top: 4px; overflow-wrap: anywhere; }
.detail { font-size: 0.9em; color: var(--vscode-descriptionForeground); }
.link { text-decoration: var(--text-link-decoration, none); }
p .link, .link:hover { text-decoration: underline; }
`;
