"""Deep mutual distillation for semi-supervised medical image segmentation: the experiment pipeline."""
