// All that the scripts say, in one place, so that it can be translated without a hunt.

export const words = {
  upload: {},
  links: {},
  landing: {},
};
