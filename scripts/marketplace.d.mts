/** The extension's page: images from `address`, or without images. Throws where `address` is not https. */
export function marketplacePage(page: string, address?: string): string;
