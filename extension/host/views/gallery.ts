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
  /** Address of the image as the page loads it; absent where there is none any more. */
  image?: string;
  detail?: string;
  tooltip?: string;
  /** Goes to the commands of the card's context menu (`webview/context`). */
  context?: Record<string, unknown>;
  /** Further commands below the image. */
  more?: readonly CommandLink[];
}

export interface Section {
  title?: string;
  cards: readonly Card[];
}

export interface Gallery {
  title: string;
  /** With room for larger cards. */
  wide?: boolean;
  /** Shows above the cards. */
  text?: string;
  /** Behind the text. */
  link?: CommandLink;
  /** Where nothing is to be shown yet, as buttons. */
  buttons?: readonly CommandLink[];
  sections: readonly Section[];
}

export function galleryHtml(
  cspSource: string,
  { title, wide = false, text, link, buttons = [], sections }: Gallery,
): string {
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
<main class="${wide ? 'wide' : ''}" aria-label="${htmlText(title)}">
${text === undefined ? '' : `<p>${htmlText(text)} ${link === undefined ? '' : anchor(link, 'link')}</p>`}
${buttons.map((each) => anchor(each, 'button')).join('\n')}
${sections
  .filter(({ cards }) => cards.length > 0)
  .map(sectionHtml)
  .join('\n')}
</main>
</body>
</html>`;
}

function sectionHtml({ title, cards }: Section): string {
  const heading = title === undefined ? '' : `<h2>${htmlText(title)}</h2>`;
  return `<section>${heading}<ul>${cards.map(cardHtml).join('\n')}</ul></section>`;
}

function cardHtml(card: Card): string {
  const { image, label, detail, tooltip = '', context, more = [] } = card;
  const given = context === undefined ? '' : ` data-vscode-context="${htmlText(JSON.stringify(context))}"`;
  const picture = image === undefined ? '<span class="none"></span>' : `<img src="${htmlText(image)}" alt="">`;
  const said = detail === undefined ? '' : `<span class="detail">${htmlText(detail)}</span>`;
  // A tooltip has lines.
  const hover = tooltip.split('\n').map(htmlText).join('&#10;');
  return `<li${given}><a class="card" href="${htmlText(commandUri(card))}" title="${hover}">${picture}<span class="label">${htmlText(label)}</span>${said}</a>${more.map((link) => anchor(link, 'more')).join('')}</li>`;
}

const anchor = (link: CommandLink, kind: string): string =>
  `<a class="${kind}" href="${htmlText(commandUri(link))}">${htmlText(link.label)}</a>`;

const commandUri = ({ command, args = [] }: CommandLink): string =>
  `command:${command}?${encodeURIComponent(JSON.stringify(args))}`;

const STYLE = `
body { padding: 8px 12px 16px; color: var(--vscode-foreground); font: var(--vscode-font-size) var(--vscode-font-family); }
main { max-width: 1100px; margin: 0 auto; }
p { margin: 0 0 12px; line-height: 1.4; }
h2 { margin: 12px 0 6px; font-size: inherit; font-weight: 600; color: var(--vscode-descriptionForeground); }
ul { display: grid; grid-template-columns: repeat(auto-fill, minmax(104px, 1fr)); gap: 8px; margin: 0; padding: 0; list-style: none; }
.wide ul { grid-template-columns: repeat(auto-fill, minmax(240px, 1fr)); gap: 16px; }
li { min-width: 0; }
a { color: var(--vscode-textLink-foreground); text-decoration: none; }
a:focus-visible { outline: 1px solid var(--vscode-focusBorder); outline-offset: -1px; }
.card { display: block; padding: 4px; border-radius: 4px; color: inherit; border: 1px solid var(--vscode-contrastBorder, transparent); }
.card:hover { color: inherit; background: var(--vscode-list-hoverBackground); border-color: var(--vscode-contrastActiveBorder, transparent); }
img, .none { display: block; width: 100%; aspect-ratio: 1; object-fit: contain; border-radius: 2px; }
.none { box-sizing: border-box; border: 1px dashed var(--vscode-descriptionForeground); }
.label, .detail { display: block; margin-top: 4px; overflow-wrap: anywhere; }
.detail { font-size: 0.9em; color: var(--vscode-descriptionForeground); }
.more { display: inline-block; margin: 2px 4px; font-size: 0.9em; }
.more:hover, .link:hover { text-decoration: underline; }
.button { display: block; box-sizing: border-box; max-width: 300px; margin: 0 auto 10px; padding: 5px 11px; border-radius: 4px; text-align: center;
  color: var(--vscode-button-foreground); background: var(--vscode-button-background); border: 1px solid var(--vscode-button-border, var(--vscode-contrastBorder, transparent)); }
.button:hover { color: var(--vscode-button-foreground); background: var(--vscode-button-hoverBackground); }
`;
