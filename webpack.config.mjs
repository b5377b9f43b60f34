import path from 'node:path';
import { fileURLToPath } from 'node:url';
import MiniCssExtractPlugin from 'mini-css-extract-plugin';
import webpack from 'webpack';

const root = path.dirname(fileURLToPath(import.meta.url));
const rules = [
  {
    test: /\.tsx?$/,
    exclude: /node_modules/,
    use: [{ loader: 'ts-loader', options: { transpileOnly: true, compilerOptions: { noEmit: false } } }],
  },
  { test: /\.css$/, use: [MiniCssExtractPlugin.loader, 'css-loader'] },
  { test: /\.(ttf|woff2?)$/, type: 'asset/resource' },
];
const common = {
  mode: 'production',
  devtool: 'source-map',
  context: root,
  resolve: { extensions: ['.ts', '.tsx', '.mjs', '.js'] },
  module: { rules },
  performance: { hints: false },
  stats: 'errors-warnings',
};

/** The extension host, the engine process, its worker thread and the command line: Node programs beside each other in dist/. */
const node = {
  ...common,
  name: 'node',
  target: 'node20',
  node: { __dirname: false, __filename: false },
  entry: {
    extension: './extension/main.ts',
    engine: './extension/engine/main.ts',
    'engine-worker': './extension/engine/onnx/worker.ts',
    'engine-probe': './extension/engine/devices/probe.ts',
    weft: './extension/cli/main.ts',
  },
  output: { path: path.join(root, 'dist'), filename: '[name].js', libraryTarget: 'commonjs2' },
  // Native modules stay outside the bundles and are loaded only when first needed.
  externals: { vscode: 'commonjs vscode', 'onnxruntime-node': 'commonjs onnxruntime-node', sharp: 'commonjs sharp' },
  // What createRequire loads is chosen at run time.
  module: { rules, parser: { javascript: { createRequire: false } } },
  optimization: { minimize: false },
  plugins: [new webpack.BannerPlugin({ banner: '#!/usr/bin/env node', raw: true, test: /^weft\.js$/ })],
};

const webview = {
  ...common,
  name: 'webview',
  target: 'web',
  entry: { studio: './webview/main.tsx' },
  output: { path: path.join(root, 'dist', 'webview'), filename: '[name].js', assetModuleFilename: '[name][ext]' },
  plugins: [new MiniCssExtractPlugin({ filename: '[name].css' })],
};

export default [node, webview];
