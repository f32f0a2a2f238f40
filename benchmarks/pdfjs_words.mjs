// Print the words that pdf.js extracts from a PDF as JSON: node pdfjs_words.mjs FOLDER FILE
// FOLDER is one in which `npm install pdfjs-dist` was run.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [folder, file] = process.argv.slice(2);
const { getDocument } = await import(pathToFileURL(`${folder}/node_modules/pdfjs-dist/legacy/build/pdf.mjs`));
const document = await getDocument({ data: new Uint8Array(readFileSync(file)), verbosity: 0 }).promise;
let text = "";
for (let number = 1; number <= document.numPages; number++) {
  const content = await (await document.getPage(number)).getTextContent();
  for (const item of content.items) text += item.str + (item.hasEOL ? "\n" : "");
  text += "\n";
}
console.log(JSON.stringify(text.split(/\s+/).filter(Boolean)));
