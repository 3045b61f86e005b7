// @ai-sdk/black-forest-labs from npm. Its options name no finetune; its own setting `fetch`, which its documentation
// offers for such cases, adds `finetune_id` to the body. It accepts private addresses on the base URL's origin alone.
import { writeFileSync } from "node:fs";
import { createBlackForestLabs } from "@ai-sdk/black-forest-labs";
import { generateImage } from "ai";

const { BASE_URL, CALLS } = process.env;

for (const { api_key, endpoint, finetune_id, image: path } of JSON.parse(CALLS)) {
  const bfl = createBlackForestLabs({
    apiKey: api_key,
    baseURL: `${BASE_URL}/v1`,
    fetch: (url, init) => {
      const body = init?.body && JSON.stringify({ ...JSON.parse(init.body), finetune_id });
      return fetch(url, body ? { ...init, body } : init);
    },
  });
  const { image } = await generateImage({
    model: bfl.image(endpoint),
    prompt: "a harbour at dawn",
    providerOptions: { blackForestLabs: { width: 1024, height: 1024, outputFormat: "png" } },
  });
  writeFileSync(path, image.uint8Array);
}
