/**
 * The page that VS Code and the Marketplace show for the extension, from docs/marketplace.md.
 *
 * VS Code shows images on that page from https addresses only: a path into the package, or a data: address, shows as a broken image.
 * With `address`, where this repository is published, the images are shown from there; without it they are left out. The walkthrough
 * shows the same images from the package.
 */
export function marketplacePage(page, address) {
  const image = /^!\[([^\]]*)\]\(\.\.\/([^)]+)\)\n\n/gm;
  if (address === undefined) return page.replaceAll(image, '');
  if (!/^https:\/\//.test(address))
    throw new Error(`--images-url ${address}: write an address that begins with https://.`);
  return page.replaceAll(
    image,
    (_, described, file) => `![${described}](${new URL(file, `${address.replace(/\/$/, '')}/`)})\n\n`,
  );
}
