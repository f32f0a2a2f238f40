"""Line store or bundle -> model."""
