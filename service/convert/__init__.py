"""Turn folders of ESCO, NACE and NAICS data into import lines."""
